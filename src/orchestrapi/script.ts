import type { Command, Script } from './host.ts';
import { argvOf, quote } from './quote.ts';

/**
 * Scripts that outlive the controller, as files and texts; the same on every host that has a POSIX shell, `setsid` and `/proc`.
 *
 * Two processes: the *keeper*, a shell, and in a session of its own the *leader*, which becomes the program. So a signal to the leader's group ends all
 * that the program started, and the keeper lives to write the exit code.
 *
 * | file           | what it is |
 * |----------------|------------|
 * | `command`      | what the leader reads; its first line is the command as JSON |
 * | `input`        | standard input, if any |
 * | `lock`         | who the keeper is; made exclusively, so that of two keepers of one id only one runs anything |
 * | `pid`          | who the leader is; it leads its group a moment later |
 * | `limit`        | its time limit in seconds, if nobody guards it so far: whoever looks at it then does |
 * | `guard`        | who does |
 * | `out`, `err`   | its output |
 * | `late`         | there when its time limit was over |
 * | `exit`         | its exit code and a newline, written last; without the newline it does not count |
 *
 * "Who": `<pid> <start time in clock ticks since boot> <boot id>` and a newline, which a later process of the same pid does not match.
 */
export const scriptFiles = { command: 'command', input: 'input', lock: 'lock', pid: 'pid', limit: 'limit', guard: 'guard', out: 'out', err: 'err', late: 'late', exit: 'exit' } as const;

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

/**
 * Functions of a shell that keeps a script; names of ours begin with `tutti_`.
 *
 * `tutti_keep FOLDER LIMIT [WATCH ID [TEXT [INPUT]]]`: in a (sub)shell of its own, standard input nowhere. LIMIT is in seconds, or empty. Whoever listens at a FIFO in
 * the folder WATCH is told ID at the end. TEXT is the file `command`, INPUT the file `input` with `%b`'s escapes; with them the limit is only noted, without they are there already.
 * The leader runs in the foreground: in the background a shell would have it ignore INT for ever. On descriptor 9, if it is open, the leader says that it is
 * there: `tutti_led` and its pid. Ends with 0, the exit code being in `tutti_code`; with 3 when the script has another keeper; or with 4, the reason being in `tutti_why`.
 */
export const keeper = String.raw`
# PID, or self: who that is, in tutti_me. A subshell's $$ is its parent.
tutti_who() {
  read -r tutti_pid tutti_stat <"/proc/$1/stat" || return
  set -- ${'$'}{tutti_stat##*) }
  [ -n "$tutti_boot" ] || read -r tutti_boot </proc/sys/kernel/random/boot_id
  tutti_me="$tutti_pid ${'$'}{20} $tutti_boot"
}

# FORMAT TEXT FILE: a shell that cannot write does not say why, cat does.
tutti_put() { printf "$1" "$2" >"$3" || printf "$1" "$2" | LC_ALL=C cat >"$3"; }

tutti_lead() {
  exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-
  { tutti_who self && echo "$tutti_me" >pid; } 2>/dev/null || exit
  { printf '%s%s\n' "$tutti_led" "$tutti_pid" >&9; } 2>/dev/null
  exec 9>&-
  trap - PIPE
  . ./command
}

# FILE: whether the process that it names lives; its pid in tutti_pid.
tutti_lives() { read -r tutti_pid tutti_start tutti_rest <"$1" && tutti_who "$tutti_pid" && [ "$tutti_me" = "$tutti_pid $tutti_start $tutti_rest" ]; }

# SECONDS: ends the leader's group when they are over. Taken down by the keeper, it takes its sleep along: by KILL, since a shell just forked may lose a TERM
# before it becomes sleep.
tutti_guard() {
  exec >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  trap 'kill -s KILL $!; exit' TERM
  sleep "$1" & wait $!
  tutti_lives pid || exit
  : >late
  until kill -s TERM -- "-$tutti_pid"; do tutti_lives pid || exit; sleep 0.01; done
  sleep ${lateGraceSeconds} & wait $!
  tutti_lives pid && kill -s KILL -- "-$tutti_pid"
}

tutti_keep() {
  cd -- "$1" || return 4
  tutti_who self
  set -C
  { true >lock; } 2>/dev/null || { set +C; return 3; }
  set +C
  tutti_why=
  tutti_put '%s\n' "$tutti_me" lock 2>/dev/null || tutti_why=$(tutti_put '%s\n' "$tutti_me" lock 2>&1) || { rm -f lock; return 4; }
  if [ -n "$5" ]; then
    { tutti_put %s "$5" command && { [ -z "${'$'}{6+given}" ] || tutti_put %b "$6" input; }; } 2>/dev/null || {
      tutti_why=$({ tutti_put %s "$5" command && tutti_put %b "$6" input; } 2>&1)
      rm -f command input lock
      return 4
    }
    [ -z "$2" ] || echo "$2" >limit
    umask "$tutti_umask"
  elif [ -n "$2" ]; then
    tutti_guard "$2" &
    tutti_who $! && echo "$tutti_me" >guard
  fi
  tutti_in=/dev/null
  [ -e input ] && tutti_in=input
  (tutti_lead) <"$tutti_in" >out 2>err
  tutti_code=$?
  [ -e guard ] && tutti_lives guard && kill -s TERM "$tutti_pid"
  if [ -e late ]; then
    read -r tutti_pid tutti_stat <pid
    kill -s KILL -- "-$tutti_pid"
  fi
  echo "$tutti_code" >exit
  [ -n "$3" ] || return 0
  for tutti_fifo in "$3"/*; do
    # Opened for both, so that it does not wait for a listener who is gone.
    [ -p "$tutti_fifo" ] && echo "$4" 1<>"$tutti_fifo"
  done
  return 0
}
`;

/** What a shell of ours is told: its text comes in a variable of its environment, which it takes out at once, since `ps` shows arguments to everybody and at their full length. */
export const textVariable = 'TUTTI_TEXT';
export const readText = `eval "$${textVariable}"`;

/** A keeper that is a process of its own: `sh -c readText tutti-script FOLDER LIMIT [WATCH ID]`, in a session of its own, standard streams nowhere. */
export const wrapper = `unset ${textVariable}
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-
tutti_boot= tutti_led=
${keeper}
tutti_keep "$@"
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
 * What the leader reads: it becomes the command, as the leader of a session. A `cwd` that is missing below the work folder is made.
 * @throws RangeError for an environment variable that no shell can name
 */
export function commandText(script: Script, at: { readonly folder: string; readonly workFolder: string; readonly cwd: string; readonly env?: Readonly<Record<string, string>> }): string {
  const cwd = quote(at.cwd);
  const enter = isWithin(at.cwd, at.workFolder) ? `cd ${cwd} 2>/dev/null || { mkdir -p ${cwd} && cd ${cwd}; } || exit 126` : `cd ${cwd} || exit 126`;
  const variables = Object.entries({ ...at.env, ...script.env, [mark]: at.folder }).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`"${name}" cannot be the name of an environment variable`);
    return `export ${name}=${quote(value)}\n`;
  });
  const argv = argvOf(script.command).map(quote);
  const find = argv[0]!.includes('/') ? `[ -e ${argv[0]} ]` : `command -v -- ${argv[0]} >/dev/null`;
  return `#${recordOf(script.command)}\n${enter}\n${variables.join('')}${find} || { printf '%s: not found\\n' ${argv[0]} >&2; exit 127; }\nexec setsid -- ${argv.join(' ')}\n`;
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
