import { sshHost } from '../../src/orchestrapi/ssh.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { hostSuite } from './host-suite.ts';

onTestBed('ssh', 3, (bed) => {
  let count = 0;
  hostSuite('a host reached by SSH', async () => {
    const workFolder = `/var/tmp/tutti-test/host-${++count}`;
    return { reach: () => sshHost({ name: 'h1', destination: 'h1', configFile: bed().sshConfig, workFolder }) };
  });
});
