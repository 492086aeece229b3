import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { daemonTimeoutMs, findNamingService, hostname, interfaces, omniOrbConfiguration, prepareFolder, probeDaemon, programParameters, sendFiles, startDaemon } from './shared.ts';

/**
 * omniORB's naming service, where the elements of a DIET hierarchy find each other. It keeps its names in a folder: restarted with it, nobody
 * notices; restarted without, every agent has to be restarted.
 */
export const namingService = defineComponent({
  name: 'diet/naming-service',
  about: 'The naming service (omniNames) where agents, servers and clients of DIET find each other.',
  places: ['undeployed', 'configured', 'running'],
  initialPlace: 'undeployed',
  behaviours: ['deploy', 'stop'],
  groups: { available: ['configured', 'running'] },
  transitions: {
    configure: { from: 'undeployed', to: 'configured', behaviour: 'deploy', action: configure, idempotent: true, durationMs: 100 },
    start: { from: 'configured', to: 'running', behaviour: 'deploy', action: start, idempotent: true, durationMs: 100 },
    stop: { from: 'running', to: 'configured', behaviour: 'stop', action: stop, idempotent: true, durationMs: 500 },
  },
  ports: {
    dp_NS_hostname: { kind: 'data-provide', boundTo: ['available'], interface: interfaces.namingHostname },
    p_NS_service: { kind: 'provide', boundTo: ['running'], interface: interfaces.namingService },
  },
  probes: { running: (context) => probeDaemon(context, 'omniNames') },
  parameters: {
    host: { type: 'string', default: '', about: "What the other hosts call this one. Default: the host's address." },
    port: { type: 'number', default: 2809, about: 'Where it listens.' },
    ...programParameters,
  },
});

async function configure(context: ActionContext): Promise<void> {
  const address = { host: hostname(context), port: portOf(context) };
  const naming = await findNamingService(context);
  await prepareFolder(context, ['omninames'], { naming });
  context.writeFile('omniORB4.cfg', omniOrbConfiguration(address));
  await sendFiles(context, [naming]);
  context.write('dp_NS_hostname', naming.double ? { ...address, double: true } : address);
}

/** The same command serves the first start and every other. */
async function start(context: ActionContext): Promise<void> {
  const reference = `NameService=corbaname::${hostname(context)}:${portOf(context)}`;
  const answers = async () => (await context.ask([`${context.path}/naming/nameclt`, '-ORBInitRef', reference, 'list'])).exitCode === 0;
  // Else its answers would be taken for those of ours, which is about to end since the port is busy.
  if ((await context.pollScript('omniNames')).kind !== 'alive' && (await answers())) {
    throw new Error(`Another naming service answers on port ${portOf(context)} of ${context.hostname} (Debian's package starts one). Stop it, or give another "port:".`);
  }
  const data = `${context.path}/omninames`;
  const options = ['-start', String(portOf(context)), '-always', '-datadir', data, '-errlog', `${data}/err.log`, '-ORBendPointPublish', `giop:tcp:${hostname(context)}:`];
  await startDaemon(context, {
    daemon: 'omniNames',
    command: [`${context.path}/naming/omniNames`, ...options],
    env: { OMNIORB_CONFIG: '/dev/null' },
    what: 'the naming service answers',
    isReady: answers,
  });
}

/** With TERM: omniNames started in the background ignores INT. */
async function stop(context: ActionContext): Promise<void> {
  await context.killScript('omniNames', { signal: 'TERM', graceMs: daemonTimeoutMs });
}

function portOf(context: ActionContext): number {
  return Number(context.parameters['port']);
}
