import type { Host } from '../../src/orchestrapi/host.ts';
import { sshHost } from '../../src/orchestrapi/ssh.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { hostSuite } from './host-suite.ts';

onTestBed('ssh', 3, (bed) => {
  let count = 0;
  const newMachine = (reach: (workFolder: string) => Host) => async () => {
    const workFolder = `/var/tmp/tutti-test/host-${++count}`;
    return { reach: () => reach(workFolder) };
  };
  const reach = (workFolder: string): Host => sshHost({ name: 'h1', destination: 'h1', configFile: bed().sshConfig, workFolder });
  hostSuite('a host reached by SSH, scripts with a keeper of their own', newMachine(reach));
  // Those with a time limit are attended by the shell that starts them.
  hostSuite('a host reached by SSH, scripts that are attended', newMachine((workFolder) => {
    const host = reach(workFolder);
    const start = host.start.bind(host);
    host.start = (script) => start({ timeoutMs: 7_654_321, ...script });
    return host;
  }));
});
