import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { dietParameters, environment, findDiet, interfaces, lines, omniOrbConfiguration, prepareFolder, readNaming, readText, sendFiles, text } from './shared.ts';

/** A client of the example server. Each push of `call` is one call; it fails when fewer servers than expected can be reached. */
export const client = defineComponent({
  name: 'diet/client',
  about: 'Asks a DIET hierarchy for servers and calls one (scalars_client): the proof that it works from end to end.',
  places: ['undeployed', 'configured', 'answered'],
  initialPlace: 'undeployed',
  behaviours: ['deploy', 'call'],
  transitions: {
    configure: { from: 'undeployed', to: 'configured', behaviour: 'deploy', action: configure, idempotent: true, durationMs: 100 },
    call: { from: 'configured', to: 'answered', behaviour: 'call', action: call, idempotent: true, durationMs: 100 },
    // Back at once: the next `call` is another one.
    forget: { from: 'answered', to: 'configured', behaviour: 'call', durationMs: 0 },
  },
  ports: {
    du_NS_hostname: { kind: 'data-use', boundTo: ['configure'], interface: interfaces.namingHostname },
    du_MA_name: { kind: 'data-use', boundTo: ['configure'], interface: interfaces.parentName },
    u_NS_service: { kind: 'use', boundTo: ['call'], interface: interfaces.namingService },
    u_MA_service: { kind: 'use', boundTo: ['call'], interface: interfaces.parentService },
  },
  parameters: {
    operation: { type: 'string', default: 'IADD', about: 'CADD, BADD, IADD, LADD, FADD or DADD.' },
    servers: { type: 'number', default: 1, about: 'How many servers the call has to find.' },
    ...dietParameters,
  },
});

async function configure(context: ActionContext): Promise<void> {
  const naming = readNaming(context);
  const programs = await findDiet(context, naming);
  await prepareFolder(context, [], { bin: programs.diet, naming: programs.naming });
  context.writeFile('omniORB4.cfg', omniOrbConfiguration(naming));
  context.writeFile('client.cfg', lines('traceLevel = 5', `MAName = ${readText(context, 'du_MA_name')}`));
  await sendFiles(context, [programs.diet, programs.naming]);
}

async function call(context: ActionContext): Promise<void> {
  const { stdout } = await context.run([`${context.path}/bin/scalars_client`, `${context.path}/client.cfg`, text(context, 'operation')], { env: environment(context), timeoutMs: 30_000 });
  const servers = [...stdout.matchAll(/^ {4}(\S+:\d+)$/gm)].map((match) => match[1]);
  const expected = Number(context.parameters['servers']);
  if (servers.length < expected) throw new Error(`The call found ${servers.length} of ${expected} servers: ${servers.join(', ')}.`);
  context.log(`Servers found: ${servers.join(', ')}.`);
}
