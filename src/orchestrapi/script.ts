import type { Command } from './host.ts';

/**
 * Scripts that outlive the controller. Each has a folder below `scripts/` in the work folder of its host:
 *
 * | file      | what it is |
 * |-----------|------------|
 * | `command` | what is run, as JSON; written by the controller before the wrapper starts |
 * | `pid`     | `<pid> <start time> <boot id>` of the wrapper, the leader of the script's session and process group; made exclusively, so that of two wrappers of one id only one runs |
 * | `out`, `err` | its output |
 * | `exit`    | its exit code and a newline, written last; without the newline it does not count |
 * | `late`    | there when its time limit was over |
 */
export const files = { command: 'command', pid: 'pid', out: 'out', err: 'err', exit: 'exit', late: 'late', input: 'input' } as const;

/** How much of an output is kept when it is read: the last 1 MiB. */
export const keptBytes = 1024 * 1024;

/** Environment variable by which every process of a script is known: the script's folder. */
export const mark = 'TUTTI_SCRIPT';

/** @throws RangeError for an id that is no relative path of plain names */
export function checkId(id: string): string {
  if (!/^[A-Za-z0-9._[\]@+-]+(\/[A-Za-z0-9._[\]@+-]+)*$/.test(id) || id.split('/').some((part) => part === '.' || part === '..')) throw new RangeError(`"${id}" cannot be the id of a script`);
  return id;
}

/**
 * The wrapper, for any POSIX shell; `$1` is the folder, `$2` the time limit in seconds or empty, `$3` where the command runs, the rest the command. It must be the
 * leader of a session of its own. It starts nothing twice: the exclusive creation of `pid` is the lock. A signal to the group ends the command, after
 * which the wrapper, which only notes it, writes the exit code.
 */
export const wrapper = `
folder=$1 limit=$2 place=$3
shift 3
trap : TERM INT HUP
read -r stat </proc/$$/stat
set -- "\${stat##*) }" "$@"
words=$1; shift
start=$(set -- $words; echo "\${20}")
read -r boot </proc/sys/kernel/random/boot_id
set -C
echo "$$ $start $boot" 2>/dev/null >"$folder/pid" || exit 0
set +C
cd "$place" || { echo "cannot enter $place" >"$folder/err"; echo 126 >"$folder/exit"; exit; }
if [ -n "$limit" ]; then
  (
    trap - TERM INT HUP
    sleep "$limit" & sleeping=$!
    trap 'kill $sleeping; exit' TERM
    wait $sleeping
    trap '' TERM
    : >"$folder/late"
    kill -TERM -$$
    sleep 5
    echo 137 >"$folder/exit"
    kill -KILL -$$
  ) </dev/null >/dev/null 2>&1 &
  watchdog=$!
fi
input=/dev/null
[ -e "$folder/input" ] && input=$folder/input
"$@" <"$input" >"$folder/out" 2>"$folder/err"
code=$?
[ -z "$limit" ] || kill -TERM $watchdog 2>/dev/null
echo $code >"$folder/exit"
`;

/** The content of `command`: a replayed step is compared with it. */
export function recordOf(command: Command): string {
  return JSON.stringify(command);
}

/** What a `pid` file says; undefined for one that is not whole. */
export function parsePid(text: string): { pid: number; startTime: string; bootId: string } | undefined {
  const match = /^(\d+) (\d+) (\S+)\n$/.exec(text);
  return match ? { pid: Number(match[1]), startTime: match[2]!, bootId: match[3]! } : undefined;
}

/** The exit code in an `exit` file; undefined while it is not whole. */
export function parseExit(text: string): number | undefined {
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}
