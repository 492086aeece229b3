import type { Command, Script } from './host.ts';
import { argvOf, quote } from './quote.ts';

/**
 * Scripts that outlive the controller, as files and texts; the same on every host that has a POSIX shell, `setsid` and `/proc`.
 *
 * Two processes: the *keeper*, which runs `wrapper`, and in a session of its own the *leader*, which runs `command` and becomes the
 * program. So a signal to the leader's group ends all that the program started, and the keeper lives to write the exit code.
 *
 * | file           | what it is |
 * |----------------|------------|
 * | `command`      | the leader's shell text; its first line is the command as JSON |
 * | `input`        | standard input, if any |
 * | `lock`         | who the keeper is; made exclusively, so that of two keepers of one id only one runs anything |
 * | `pid`          | who the leader is |
 * | `out`, `err`   | its output |
 * | `late`         | there when its time limit was over |
 * | `exit`         | its exit code and a newline, written last; without the newline it does not count |
 *
 * "Who": `<pid> <start time in clock ticks since boot> <boot id>` and a newline, which a later process of the same pid does not match.
 */
export const scriptFiles = { command: 'command', input: 'input', lock: 'lock', pid: 'pid', out: 'out', err: 'err', late: 'late', exit: 'exit' } as const;

/** How much of an output is kept when it is read: the last 1 MiB. */
export const keptBytes = 1024 * 1024;

/** Environment variable by which every process of a script is known: the script's folder. */
export const mark = 'TUTTI_SCRIPT';

/** After its time limit a script gets TERM, and so many seconds later KILL. */
const lateGraceSeconds = 5;

/** Folder of a script, below the work folder. @throws RangeError for an id that is no relative path of plain names */
export function scriptFolder(workFolder: string, id: string): string {
  const parts = id.split('/');
  if (!parts.every((part) => /^[A-Za-z0-9._[\]@+-]+$/.test(part) && part !== '.' && part !== '..')) {
    throw new RangeError(`"${id}" cannot be the id of a script: it is made of letters, digits, ".", "_", "-" and "/"`);
  }
  return `${workFolder}/scripts/${id}`;
}

// POSIX has no other way to a process's start time; `${stat##*) }` drops the pid and the name, which may hold anything.
const iAm = `read -r tutti_stat </proc/$$/stat
read -r tutti_boot </proc/sys/kernel/random/boot_id
set -- \${tutti_stat##*) }
`;

/**
 * The keeper's text: `sh -c wrapper tutti-script FOLDER [LIMIT SECONDS | ''] [WATCH ID]`, in a session of its own, standard streams nowhere. The leader
 * runs in the foreground: in the background a shell would have it ignore INT for ever. Whoever listens at a FIFO in the folder WATCH is told ID at the end.
 * Descriptor 9, if it is open, is the starter's: the leader says there that it leads.
 */
export const wrapper = `cd "$1" || exit 1
limit=$2 watch=$3 id=$4
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-
${iAm}set -C
echo "$$ \${20} $tutti_boot" 2>/dev/null >lock || exit 0
set +C
if [ -n "$limit" ]; then
  (
    # Taken down by the keeper, it takes its sleep along: by KILL, since a shell just forked may lose a TERM before it becomes sleep.
    trap 'kill -s KILL $! 2>/dev/null; exit' TERM
    leads() { read -r pid start boot <pid && read -r stat <"/proc/$pid/stat" && set -- \${stat##*) } && [ "\${20}" = "$start" ]; }
    sleep "$limit" & wait $!
    leads || exit
    : >late
    kill -s TERM -- "-$pid"
    sleep ${lateGraceSeconds} & wait $!
    leads && kill -s KILL -- "-$pid"
  ) &
  watchdog=$!
fi
input=/dev/null
[ -e input ] && input=input
setsid /bin/sh ./command <"$input" >out 2>err
code=$?
[ -z "$limit" ] || kill -s TERM "$watchdog"
if [ -e late ]; then
  read -r pid start boot <pid
  kill -s KILL -- "-$pid"
fi
echo "$code" >exit
[ -n "$watch" ] || exit 0
for fifo in "$watch"/*; do
  # Opened for both, so that it does not wait for a listener who is gone.
  [ -p "$fifo" ] && echo "$id" 1<>"$fifo"
done
`;

/** Who keeps or leads a script, as its file tells: the file is not there, is there and not written yet, names a process that lives, or one that does not. */
export type Presence = 'absent' | 'unwritten' | 'alive' | 'dead';

/**
 * What the files of a script mean, looked at in this order: `exit`, `lock`, `pid`, and `exit` again when nobody is alive. `undecided`: look again, but not
 * for ever, since a file is made and then written, and who was killed between the two has left it empty.
 */
export function fateOf({ exitCode, keeper, leader }: { readonly exitCode: number | undefined; readonly keeper: Presence; readonly leader: Presence }): 'absent' | 'alive' | 'ended' | 'vanished' | 'undecided' {
  if (exitCode !== undefined) return 'ended';
  if (keeper === 'absent') return 'absent';
  if (leader === 'alive' || keeper === 'alive') return 'alive';
  return keeper === 'unwritten' ? 'undecided' : 'vanished';
}

/** So long a file without content is waited for. */
export const unwrittenMs = 2_000;

/**
 * The leader's text: says who it is, then becomes the command. A `cwd` that is missing below the work folder is made.
 * @throws RangeError for an environment variable that no shell can name
 */
export function commandText(script: Script, at: { readonly folder: string; readonly workFolder: string; readonly cwd: string; readonly env?: Readonly<Record<string, string>> }): string {
  const cwd = quote(at.cwd);
  const enter = isWithin(at.cwd, at.workFolder) ? `cd ${cwd} 2>/dev/null || { mkdir -p ${cwd} && cd ${cwd}; } || exit 126` : `cd ${cwd} || exit 126`;
  const variables = Object.entries({ ...at.env, ...script.env, [mark]: at.folder }).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`"${name}" cannot be the name of an environment variable`);
    return `export ${name}=${quote(value)}\n`;
  });
  return `#${recordOf(script.command)}\n${iAm}echo "$$ \${20} $tutti_boot" >pid\n{ echo >&9; } 2>/dev/null\nexec 9>&-\n${enter}\n${variables.join('')}exec ${argvOf(script.command).map(quote).join(' ')}\n`;
}

/** Whether a path is the folder or something below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** A command as the file `command` keeps it: a step that is played again is compared with it. */
export function recordOf(command: Command): string {
  return JSON.stringify(command);
}

/** What `recordOf` gave for the script whose `command` file this is. */
export function recordIn(commandFile: string): string {
  return commandFile.slice(1, commandFile.indexOf('\n'));
}

/** One process for all time: its pid, and what a later process of the same pid does not share. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
  readonly bootId: string;
}

/** What a `lock` or `pid` file says; undefined for one that is not whole. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^(\d+) (\d+) (\S+)\n$/.exec(text);
  return match ? { pid: Number(match[1]), startTime: match[2]!, bootId: match[3]! } : undefined;
}

/** The exit code in an `exit` file; undefined while it is not whole. */
export function parseExit(text: string): number | undefined {
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}
