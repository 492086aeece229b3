import { defineComponent } from '../../define.ts';
import { type AttachableKind, configureElement, connectElement, disconnectElement, probeElement, startElement, stopElement } from './element.ts';
import { dietName, elementParameters, interfaces, readText } from './shared.ts';

const kind: AttachableKind = {
  admin: 'LA',
  program: 'dietAgent',
  // A parent that nobody binds, whatever the file says: `connect` does the attaching.
  options: ['-p', 'none'],
  readyLine: (name) => `Local Agent ${name} started.`,
  names: (name) => [`dietAgent/${name}`, `Dagda/${name}_DAGDA`],
};

/**
 * An inner node of a DIET hierarchy. While alive it is detached and attached elsewhere, with its children. Its u_parent_service is not bound to
 * `disconnect`: a parent's process outlives its own disconnect, so that a whole subtree may be detached at once.
 */
export const localAgent = defineComponent({
  name: 'diet/local-agent',
  about: 'An inner node of a DIET hierarchy (dietAgent), which can be moved while it lives.',
  places: ['undeployed', 'configured', 'disconnected', 'connected'],
  initialPlace: 'undeployed',
  behaviours: ['deploy', 'disconnect', 'stop'],
  groups: { alive: ['disconnected', 'connected'] },
  transitions: {
    configure: {
      from: 'undeployed',
      to: 'configured',
      behaviour: 'deploy',
      idempotent: true,
      durationMs: 100,
      action: (context) => configureElement(context, kind, { agentType: 'DIET_LOCAL_AGENT', parentName: readText(context, 'du_parent_name') }),
    },
    start: {
      from: 'configured',
      to: 'disconnected',
      behaviour: 'deploy',
      idempotent: true,
      durationMs: 100,
      action: async (context) => {
        await startElement(context, kind);
        context.write('dp_LA_name', dietName(context));
      },
    },
    connect: { from: 'disconnected', to: 'connected', behaviour: 'deploy', action: (context) => connectElement(context, kind), idempotent: true, durationMs: 20 },
    disconnect: { from: 'connected', to: 'disconnected', behaviour: 'disconnect', action: (context) => disconnectElement(context, kind), idempotent: true, durationMs: 20 },
    stop: { from: 'disconnected', to: 'configured', behaviour: 'stop', action: (context) => stopElement(context, kind), idempotent: true, durationMs: 300 },
  },
  ports: {
    du_NS_hostname: { kind: 'data-use', boundTo: ['configure'], interface: interfaces.namingHostname },
    du_parent_name: { kind: 'data-use', boundTo: ['configure', 'connect'], interface: interfaces.parentName },
    u_NS_service: { kind: 'use', boundTo: ['alive', 'start', 'stop'], interface: interfaces.namingService },
    u_parent_service: { kind: 'use', boundTo: ['connect', 'connected'], interface: interfaces.parentService },
    dp_LA_name: { kind: 'data-provide', boundTo: ['alive'], interface: interfaces.parentName },
    p_LA_service: { kind: 'provide', boundTo: ['connected'], interface: interfaces.parentService },
  },
  probes: { disconnected: (context) => probeElement(context, kind), connected: (context) => probeElement(context, kind) },
  parameters: elementParameters,
});
