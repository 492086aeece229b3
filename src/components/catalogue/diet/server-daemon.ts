import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { type AttachableKind, configureElement, connectElement, disconnectElement, probeElement, startElement, stopElement } from './element.ts';
import { elementParameters, interfaces, text } from './shared.ts';

function kind(context: ActionContext): AttachableKind {
  return {
    admin: 'SED',
    program: text(context, 'program'),
    options: [],
    // Its data manager is made last, attached or not.
    readyLine: () => '## Launch Dagda data manager DAGDA-SeD-',
    names: (name) => [`dietSeD/${name}`],
  };
}

/** A leaf of a DIET hierarchy: it computes. Its life is a Local Agent's, but that nobody is below it, and that it is configured before its parent is known. */
export const serverDaemon = defineComponent({
  name: 'diet/server-daemon',
  about: 'A leaf of a DIET hierarchy, which computes, and can be moved while it lives.',
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
      // A parent that nobody binds: `connect` does the attaching.
      action: (context) => configureElement(context, kind(context), { parentName: 'none' }),
    },
    start: { from: 'configured', to: 'disconnected', behaviour: 'deploy', action: (context) => startElement(context, kind(context)), idempotent: true, durationMs: 200 },
    connect: { from: 'disconnected', to: 'connected', behaviour: 'deploy', action: (context) => connectElement(context, kind(context)), idempotent: true, durationMs: 20 },
    disconnect: { from: 'connected', to: 'disconnected', behaviour: 'disconnect', action: (context) => disconnectElement(context, kind(context)), idempotent: true, durationMs: 20 },
    stop: { from: 'disconnected', to: 'configured', behaviour: 'stop', action: (context) => stopElement(context, kind(context)), idempotent: true, durationMs: 300 },
  },
  ports: {
    du_NS_hostname: { kind: 'data-use', boundTo: ['configure'], interface: interfaces.namingHostname },
    du_parent_name: { kind: 'data-use', boundTo: ['connect'], interface: interfaces.parentName },
    u_NS_service: { kind: 'use', boundTo: ['alive', 'start', 'stop'], interface: interfaces.namingService },
    u_parent_service: { kind: 'use', boundTo: ['connect', 'connected'], interface: interfaces.parentService },
  },
  probes: { disconnected: (context) => probeElement(context, kind(context)), connected: (context) => probeElement(context, kind(context)) },
  parameters: { program: { type: 'string', default: 'scalars_server', about: "The server's program: one of DIET's folder, or a path." }, ...elementParameters },
});
