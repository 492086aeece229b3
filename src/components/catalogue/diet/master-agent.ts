import { defineComponent } from '../../define.ts';
import { type ElementKind, configureElement, probeElement, startElement, stopElement } from './element.ts';
import { dietName, elementParameters, interfaces } from './shared.ts';

const kind: ElementKind = {
  program: 'dietAgent',
  options: [],
  readyLine: (name) => `Master Agent ${name} started.`,
  names: (name) => [`dietAgent/${name}`, `Dagda/${name}_DAGDA`],
};

/** The root of a DIET hierarchy, and the only agent that clients talk to. */
export const masterAgent = defineComponent({
  name: 'diet/master-agent',
  about: 'The root of a DIET hierarchy (dietAgent), the one that clients ask.',
  places: ['undeployed', 'configured', 'running'],
  initialPlace: 'undeployed',
  behaviours: ['deploy', 'stop'],
  groups: { available: ['configured', 'running'] },
  transitions: {
    configure: {
      from: 'undeployed',
      to: 'configured',
      behaviour: 'deploy',
      idempotent: true,
      durationMs: 100,
      action: async (context) => {
        await configureElement(context, kind, { agentType: 'DIET_MASTER_AGENT' });
        context.write('dp_MA_name', dietName(context));
      },
    },
    start: { from: 'configured', to: 'running', behaviour: 'deploy', action: (context) => startElement(context, kind), idempotent: true, durationMs: 100 },
    stop: { from: 'running', to: 'configured', behaviour: 'stop', action: (context) => stopElement(context, kind), idempotent: true, durationMs: 300 },
  },
  ports: {
    du_NS_hostname: { kind: 'data-use', boundTo: ['configure'], interface: interfaces.namingHostname },
    u_NS_service: { kind: 'use', boundTo: ['start', 'stop', 'running'], interface: interfaces.namingService },
    dp_MA_name: { kind: 'data-provide', boundTo: ['available'], interface: interfaces.parentName },
    p_MA_service: { kind: 'provide', boundTo: ['running'], interface: interfaces.parentService },
  },
  probes: { running: (context) => probeElement(context, kind) },
  parameters: elementParameters,
});
