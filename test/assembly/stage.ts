import { defineComponent } from '../../src/components/define.ts';
import type { ComponentType } from '../../src/components/model.ts';
import { parseAndCheck, parseAssembly, type Parsed } from '../../src/assembly/parse.ts';
import { render } from '../../src/diagnostic.ts';

const lifeCycle = {
  places: ['off', 'on'],
  initialPlace: 'off',
  behaviours: ['deploy', 'stop'],
  transitions: { up: { from: 'off', to: 'on', behaviour: 'deploy' }, down: { from: 'on', to: 'off', behaviour: 'stop' } },
} as const;

/** The catalogue of these tests: small types that are switched on and off. */
export const catalogue: ReadonlyMap<string, ComponentType> = new Map(
  ([
    defineComponent({ name: 'server', ...lifeCycle, ports: { http: { kind: 'provide', boundTo: ['on'] }, address: { kind: 'data-provide', boundTo: ['on'] } }, parameters: { port: { type: 'number', default: 80 } } }),
    defineComponent({ name: 'client', ...lifeCycle, ports: { http: { kind: 'use', boundTo: ['up', 'on'] }, address: { kind: 'data-use', boundTo: ['up'], optional: true } } }),
    defineComponent({ name: 'store', ...lifeCycle, parameters: { path: { type: 'string' }, size: { type: 'number', default: 1 } } }),
    defineComponent({ name: 'member', ...lifeCycle, ports: { member: { kind: 'provide', boundTo: ['on'] } } }),
    defineComponent({ name: 'quorum', ...lifeCycle, ports: { member: { kind: 'use', boundTo: ['on'], atLeast: 2 } } }),
  ] as ComponentType[]).map((type) => [type.name, type]),
);

export const parse = (text: string): Parsed => parseAssembly(text, 'assembly.yaml', { types: catalogue, folder: '/srv/test' });
/** What an operator reads: every diagnostic of the file, rendered. */
export const complaints = (text: string): string => parseAndCheck(text, 'assembly.yaml', { types: catalogue, folder: '/srv/test' }).diagnostics.map(render).join('\n');
