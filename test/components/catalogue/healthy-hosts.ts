import type { Value } from '../../../src/components/model.ts';
import type { RecordingHostOptions } from '../../../src/orchestrapi/recording.ts';
import { healthyCeph } from './healthy-ceph.ts';

/** Where nothing is wrong with a system: what its components find. A system that is not named here needs neither answers nor data. */
export interface Health {
  /** What its hosts answer to questions; the others succeed in silence. */
  readonly answers?: NonNullable<RecordingHostOptions['answers']>;
  /** What its data-use ports read, by port. */
  readonly data?: Readonly<Record<string, Value>>;
  /** Parameters, by type, where a default would not do. */
  readonly with?: Readonly<Record<string, Readonly<Record<string, Value>>>>;
}

const closure = '/nix/store/1-system';

/** By the first part of a type's name. */
export const healthyHosts: Readonly<Record<string, Health>> = {
  ceph: { answers: healthyCeph, data: { identity: { on: 'other', folder: '/c', configuration: '[global]\n' }, flag: 'noout', filesystem: 'home', metaName: 'names', dataName: 'contents' }, with: { 'ceph/pool': { id: 'objects' } } },
  diet: { answers: [{ to: /^sh -c 'IFS/, stdout: '/usr/bin\n' }, { to: /\/nameclt'? .* list$/, exitCode: 1, times: 1 }, { to: /\/scalars_client'? /, stdout: '    10.0.0.1:4711\n' }], data: { du_NS_hostname: { host: 'ns', port: 2809 }, du_parent_name: 'MA1', du_MA_name: 'MA1' } },
  nixos: {
    answers: [
      { to: /--size/, stdout: '1000\n' },
      { to: /cat activation\/code activation\/end/, stdout: '0\nconfirmed\n' },
      // What is begun there has ended at once.
      { to: /cat activation\/code$/, exitCode: 1 },
      { to: /readlink "\$1"; readlink -f "\$1"/, stdout: `system-1-link\n${closure}\n` },
      { to: /readlink/, stdout: `${closure}\n` },
    ],
    data: { toplevel: { on: 'here', folder: '/c', path: closure, paths: 1, bytes: 1_000, atOnce: 1 } },
    with: { 'nixos/closure': { path: closure } },
  },
};
