import { keeper, keptBytes, mark, readText, textVariable, unwrittenMs, wrapper } from './script.ts';
import { quote } from './quote.ts';
import { partialFolder } from './rsync.ts';

/**
 * What runs on the host: a `/bin/sh` that reads one line, does what it says, and answers, until its input ends. It needs a POSIX shell, `/proc`, and the
 * usual small programs (setsid, mkdir, mv, rm, tail, stat, sleep); nothing is installed, and it knows only the work folder.
 *
 * An exchange: the line names it (`tutti_id=…`); the answer on standard output is any bytes, in them at most once `RS id : header LF`, and
 * `RS id = exit code LF`; on standard error any bytes and `RS id = LF`. Names of ours begin with `tutti_`, and none is exported. The shell itself never
 * writes to standard error: it would tell of killed children there. Functions run in a subshell each, so that they can change folder and variables.
 *
 * A command runs in a command substitution: that is in the foreground (in the background it would ignore INT for ever), and yet tells its pid, which
 * is that of its group. At its end ` left` is added to the exit code when somebody is still in that group, who may write where the next answer would be.
 *
 * The line is read by `read`, which takes no byte more than it from standard input: what follows belongs to the command.
 */
const functions = String.raw`
cd / || exit
unset CDPATH
tutti_work=$1 tutti_n='
' tutti_rs=$(printf '\036')
exec 4>&2 2>/dev/null 8>&1
read -r tutti_boot </proc/sys/kernel/random/boot_id
tutti_umask=$(umask)

tutti_header() { printf '\036%s:%s\n' "$tutti_id" "$1"; }
tutti_end() {
  [ -n "$tutti_group" ] && kill -s 0 -- "-$tutti_group" && set -- "$1 left"
  tutti_group=
  printf '\036%s=%s\n' "$tutti_id" "$1"
  printf '\036%s=\n' "$tutti_id" >&4
}

# Goes to a folder to run in; one that is missing at or below the work folder is made.
tutti_enter() {
  cd -- "$1" && return
  case $1/ in
    "$tutti_work"/*) tutti_why=$(umask 077; LC_ALL=C mkdir -p -- "$1" 2>&1) && cd -- "$1" && return; tutti_header blocked ;;
    *) tutti_header absent ;;
  esac >&8
  printf %s "$tutti_why" >&8
  exit 0
}

# PROGRAM ARGUMENT...: says who it is, and becomes the program, as the leader of a session.
tutti_exec() {
  case $1 in */*) [ -e "$1" ] ;; *) command -v "$1" >/dev/null ;; esac || { printf '%s: not found\n' "$1" >&4; exit 127; }
  read -r tutti_pid tutti_stat </proc/self/stat
  echo "$tutti_pid"
  exec setsid -- "$@" >&8 2>&4 4>&- 8>&-
}

# PID: fields of /proc/PID/stat from the state on. A name may hold newlines and parentheses.
tutti_stat() {
  tutti_stat=
  while IFS= read -r tutti_line || [ -n "$tutti_line" ]; do tutti_stat="$tutti_stat $tutti_line"; done <"/proc/$1/stat" || return
  tutti_stat=${'$'}{tutti_stat##*) }
  case $tutti_stat in '' | Z* | X*) return 1 ;; esac
}

# PID START BOOT: whether this very process lives.
tutti_alive() { [ "$3" = "$tutti_boot" ] && tutti_stat "$1" && set -- "$2" $tutti_stat && [ "${'$'}{21}" = "$1" ]; }

# PID START BOOT: whether this live process leads its group.
tutti_leads() { tutti_alive "$@" && set -- "$1" $tutti_stat && [ "$4" = "$1" ]; }

# FILE: who it names, in tutti_is (absent, unwritten, alive, dead) and tutti_who.
tutti_presence() {
  tutti_is=absent tutti_who='0 0 0'
  [ -e "$1" ] || return
  tutti_is=unwritten
  read -r tutti_who <"$1" || { tutti_who='0 0 0'; return; }
  if tutti_alive $tutti_who; then tutti_is=alive; else tutti_is=dead; fi
}

# The exit code in tutti_exit, if it is whole.
tutti_exit() {
  read -r tutti_exit <exit || tutti_exit=-
  case $tutti_exit in '' | *[!0-9]*) tutti_exit=- ;; esac
  return 0
}

# FOLDER: all that is known of a script. Header: exit code or -, late or -, keeper, its pid, leader, its pid; then its output, unless it is alive.
tutti_look() {
  cd -- "$1" || { tutti_header '- - absent 0 absent 0'; return; }
  tutti_exit
  tutti_presence lock
  tutti_keeper=$tutti_is tutti_keeper_pid=${'$'}{tutti_who%% *}
  tutti_presence pid
  case $tutti_exit$tutti_keeper$tutti_is in *alive*) ;; *) tutti_exit ;; esac
  tutti_late=-
  [ -e late ] && tutti_late=late
  tutti_header "$tutti_exit $tutti_late $tutti_keeper $tutti_keeper_pid $tutti_is ${'$'}{tutti_who%% *}"
  [ "$tutti_exit$tutti_is" = -alive ] && [ -e limit ] && read -r tutti_limit <limit && tutti_arm "$tutti_limit"
  case $tutti_exit$tutti_keeper in -alive | -absent) return ;; esac
  [ "$tutti_exit$tutti_is" = -alive ] || tutti_outputs
}

# SECONDS: from now on somebody guards the script in this folder, if nobody does yet.
tutti_arm() {
  [ ! -e guard ] || return
  (
    set -C
    tutti_who self
    # Before it is looked whether there is something to guard: whoever ends it looks for a guard afterwards.
    echo "$tutti_me" >guard || exit
    tutti_lives pid && tutti_guard "$1"
  ) &
}

tutti_outputs() {
  [ -s out ] && tail -c ${keptBytes + 1} out
  [ -s err ] && tail -c ${keptBytes + 1} err >&4
}

# FOLDER...: a word for each script, alive or other.
tutti_glance() {
  tutti_all=
  for tutti_folder; do
    tutti_is=absent
    cd -- "$tutti_folder" && { tutti_exit; tutti_presence pid; [ $tutti_is = alive ] || tutti_presence lock; [ "$tutti_exit" = - ] || tutti_is=ended; }
    tutti_all="$tutti_all $tutti_is"
  done
  tutti_header "$tutti_all"
}

# FORMAT TEXT FILE: whole under its name, or not at all.
tutti_write() {
  tutti_put "$1" "$2" "$3.$tutti_id" && mv -f -- "$3.$tutti_id" "$3" && return
  rm -f -- "$3.$tutti_id"
  return 1
}

# FOLDER LIMIT ID COMMAND [INPUT, escaped for %b]: runs a script that no other start of this id has started, to its end. This shell itself is its keeper, and stays so
# when the channel is gone. Header: led and the leader's pid, then its exit code and late or -; then its output. Or else: taken.
tutti_attend() {
  tutti_attending "$@"
  cd /
  umask "$tutti_umask"
  trap - PIPE
}

tutti_attending() {
  umask 077
  [ -d "$1" ] || tutti_why=$(LC_ALL=C mkdir -p -- "$1" 2>&1) || { tutti_header blocked; printf %s "$tutti_why"; return; }
  trap '' PIPE
  tutti_led=$tutti_rs$tutti_id:led' '
  tutti_keep "$1" "$2" "$tutti_work/.watch" "$3" "$4" ${'$'}{5+"$5"} 9>&1
  case $? in
    0) ;;
    3) tutti_header taken; return ;;
    *) tutti_header blocked; printf %s "$tutti_why"; return ;;
  esac
  tutti_late=-
  [ -e late ] && tutti_late=late
  tutti_header "$tutti_code $tutti_late"
  tutti_outputs
}

# FOLDER LIMIT ID COMMAND [INPUT, escaped for %b]: starts a script that no other start of this id has started, and looks at it. Detached without "&", which
# would have it ignore INT for ever: of two setsid the second one leads its group already, so it forks.
tutti_start() {
  tutti_why=$(
    exec 2>&1
    umask 077; LC_ALL=C
    export LC_ALL
    mkdir -p -- "$1" && cd -- "$1" || exit
    [ -e lock ] && exit
    if [ -n "${'$'}{5+given}" ]; then tutti_write %b "$5" input || exit; fi
    tutti_write %s "$4" command
  ) || { tutti_header blocked; printf %s "$tutti_why"; return; }
  cd -- "$1" || return
  # Until the leader says that it leads, or nobody is left who could: so a signal sent right after a start arrives.
  [ -e lock ] || (cd -- "$tutti_work"; ${mark}=$1 ${textVariable}=$tutti_wrapper exec setsid setsid /bin/sh -c '${readText}' tutti-script "$1" "$2" "$tutti_work/.watch" "$3" </dev/null 9>&1 >/dev/null 2>&1 4>&- 8>&-) |
    read -r tutti_line
  # Somebody else's start may be under way.
  tutti_i=0
  while [ ! -s pid ] && [ ! -s exit ] && [ $tutti_i -lt 500 ]; do
    tutti_presence lock
    case $tutti_is in dead) break ;; alive) ;; *) [ $tutti_i -lt ${unwrittenMs / 10} ] || break ;; esac
    sleep 0.01
    tutti_i=$((tutti_i + 1))
  done
  tutti_look "$1"
}

# GROUP: whether anybody is in it; zombies do not count.
tutti_members() {
  kill -s 0 -- "-$1" || return
  for tutti_p in /proc/[0-9]*; do
    tutti_stat "${'$'}{tutti_p#/proc/}" || continue
    set -- "$1" $tutti_stat
    [ "$4" != "$1" ] || return 0
  done
  return 1
}

# GROUP TICKS: waits until it is empty, so many times 50 ms at most.
tutti_empty() {
  tutti_i=0
  while tutti_members "$1"; do
    [ $tutti_i -lt $2 ] || return
    if [ $tutti_i -lt 1 ]; then sleep 0.01; tutti_members "$1" || return 0; sleep 0.04; else sleep 0.05; fi
    tutti_i=$((tutti_i + 1))
  done
}

# GROUP SIGNAL TICKS: the signal, then KILL.
tutti_end_group() {
  kill -s "$2" -- "-$1"
  tutti_empty "$1" "$3" && return
  kill -s KILL -- "-$1"
  # What sleeps in the kernel does not hear KILL: no reason to wait for ever.
  tutti_empty "$1" 100
}

# PID: ends the command that this other far side runs. A command was forked once or, behind its input, twice.
tutti_stop() {
  tutti_i=0
  while [ -e "/proc/$1" ] && [ $tutti_i -lt 50 ]; do
    tutti_known=" $1 "
    for tutti_pass in 1 2 3; do
      for tutti_p in /proc/[0-9]*; do
        tutti_stat "${'$'}{tutti_p#/proc/}" || continue
        set -- "$1" "$2" $tutti_stat
        case $tutti_known in
          *" $4 "*)
            tutti_known="$tutti_known${'$'}{tutti_p#/proc/} "
            [ "$5" != "${'$'}{tutti_p#/proc/}" ] || { tutti_end_group "$5" TERM "$2"; return; }
        esac
      done
    done
    sleep 0.02
    tutti_i=$((tutti_i + 1))
  done
}

# FOLDER PID START BOOT: whether the group is still the one of the script in that folder, by its leader or by the mark of a member.
tutti_ours() {
  tutti_alive "$2" "$3" "$4" && return
  [ "$4" = "$tutti_boot" ] || return
  for tutti_p in /proc/[0-9]*; do
    tutti_stat "${'$'}{tutti_p#/proc/}" || continue
    set -- "$1" "$2" "$3" "$4" $tutti_stat
    [ "$7" = "$2" ] && grep -qzxF -e "${mark}=$1" "$tutti_p/environ" && return
  done
  return 1
}

# FOLDER SIGNAL TICKS: ends a script, then looks at it.
tutti_kill() {
  cd -- "$1" || { tutti_look "$1"; return; }
  tutti_i=0
  while tutti_presence lock; tutti_keeper=$tutti_is tutti_keeper_who=$tutti_who; tutti_presence pid; tutti_exit; [ $tutti_i -lt ${unwrittenMs / 10} ]; do
    case $tutti_exit$tutti_keeper$tutti_is in -unwrittenabsent | -unwrittenunwritten | -aliveabsent | -aliveunwritten) ;; *) break ;; esac
    sleep 0.01
    tutti_i=$((tutti_i + 1))
  done
  while [ $tutti_is = alive ] && ! tutti_leads $tutti_who; do sleep 0.01; tutti_presence pid; done
  # The leader may be dead and its children not: the group is ended, whatever the exit code says.
  case $tutti_is in alive | dead) if tutti_ours "$1" $tutti_who; then tutti_end_group "${'$'}{tutti_who%% *}" "$2" "$3"; fi ;; esac
  case $tutti_keeper in alive | dead)
    tutti_i=0
    while tutti_exit; [ "$tutti_exit" = - ] && tutti_alive $tutti_keeper_who && [ $tutti_i -lt ${unwrittenMs / 10} ]; do sleep 0.01; tutti_i=$((tutti_i + 1)); done
    # A keeper that was killed outright has left its watch over the time limit behind. One that wrote the exit code ends by itself, or goes on to keep other scripts.
    if [ "$tutti_exit" = - ] && tutti_ours "$1" $tutti_keeper_who; then tutti_end_group "${'$'}{tutti_keeper_who%% *}" KILL 0; fi
    tutti_presence guard
    [ $tutti_is = alive ] && kill -s TERM "${'$'}{tutti_who%% *}"
  esac
  tutti_look "$1"
}

# FOLDER...: removes scripts, but not those that are alive.
tutti_forget() {
  tutti_busy=
  for tutti_folder; do
    shift
    tutti_is=
    cd -- "$tutti_folder" && tutti_exit && [ "$tutti_exit" = - ] && { tutti_presence lock; [ $tutti_is = alive ] || tutti_presence pid; }
    if [ "$tutti_is" = alive ]; then tutti_busy=${'$'}{tutti_folder#"$tutti_work"/scripts/}; else set -- "$@" "$tutti_folder"; fi
  done
  cd /
  tutti_remove "$@"
  [ -z "$tutti_busy" ] || { tutti_header alive; printf %s "$tutti_busy"; }
}

tutti_remove() {
  tutti_why=$(LC_ALL=C rm -rf -- "$@" 2>&1) && { tutti_header gone; return; }
  tutti_header blocked
  printf %s "$tutti_why"
}

# Ends every script, whoever listens for their ends, and shells whose other end is gone; removes the work folder.
tutti_destroy() {
  if cd -- "$tutti_work/scripts"; then
    set -f
    for tutti_lock in $(find . -type f -name lock); do
      tutti_lock=${'$'}{tutti_lock#./}
      (set +f; tutti_kill "$tutti_work/scripts/${'$'}{tutti_lock%/lock}" TERM 100) >/dev/null 4>&1 &
    done
    wait
    set +f
  fi
  for tutti_fifo in "$tutti_work"/.watch/*; do [ -p "$tutti_fifo" ] && echo . 1<>"$tutti_fifo"; done
  # Those are known by their arguments.
  for tutti_p in $(grep -lzxF -e tutti-shell $(grep -lzxF -e "$tutti_work" /proc/[0-9]*/cmdline)); do
    tutti_p=${'$'}{tutti_p#/proc/} tutti_p=${'$'}{tutti_p%/cmdline}
    tutti_stat "$tutti_p" || continue
    set -- $tutti_stat
    # This very call is a child of its shell.
    [ "$tutti_p" = $$ ] || [ "$2" = $$ ] || kill -s KILL "$tutti_p"
  done
  cd /
  # Once more: what was just ended may have made a file meanwhile.
  rm -rf -- "$tutti_work" || sleep 0.1
  tutti_remove "$tutti_work"
}

# FILE: its bytes.
tutti_get() {
  if [ -d "$1" ]; then tutti_header folder
  elif [ -r "$1" ]; then tutti_header file; cat <"$1"
  elif [ -e "$1" ]; then tutti_header denied
  else tutti_header absent
  fi
}

# FILE: its bytes, to be copied. Header: file, its mode and its size; or nothing.
tutti_fetch() {
  [ -e "$1" ] || return
  if [ -f "$1" ]; then tutti_header "file $(stat -L -c '%a %s' -- "$1")"; cat <"$1" 2>&4; else tutti_header other; fi
}

# (SIZE SECONDS PATH)...: what is there. SIZE is that of a file to be placed, and SECONDS its time, or - when the time does not count; "l TARGET" for a link.
# Header: a letter for each: - nothing, f file, = this very link, l another link, d folder, p below a file, o other. Then a line for each f: size, time, mode;
# then a checksum for each f of the wanted size and of another time.
tutti_have() {
  tutti_kinds= tutti_wanted= tutti_i=$(($# / 3))
  while [ $tutti_i -gt 0 ]; do
    tutti_kind=-
    if [ -L "$3" ]; then
      tutti_kind=l
      [ "$1" = l ] && [ "$(readlink -- "$3"; echo .)" = "$2$tutti_n." ] && tutti_kind='='
    elif [ -f "$3" ]; then
      tutti_kind=f tutti_wanted="$tutti_wanted $1:$2"
      set -- "$@" "$3"
    elif [ -d "$3" ]; then tutti_kind=d
    elif [ -e "$3" ]; then tutti_kind=o
    else
      tutti_up=$3
      while [ "$tutti_up" ] && [ ! -e "$tutti_up" ]; do tutti_up=${'$'}{tutti_up%/*}; done
      [ -z "$tutti_up" ] || [ -d "$tutti_up" ] || tutti_kind=p
    fi
    tutti_kinds=$tutti_kinds$tutti_kind
    shift 3
    tutti_i=$((tutti_i - 1))
  done
  tutti_header "$tutti_kinds"
  [ $# -gt 0 ] || return
  tutti_stats=$(stat -c '%s %Y %a' -- "$@") || return
  tutti_stats="$tutti_stats$tutti_n"
  printf %s "$tutti_stats"
  for tutti_want in $tutti_wanted; do
    tutti_line=${'$'}{tutti_stats%%"$tutti_n"*} tutti_stats=${'$'}{tutti_stats#*"$tutti_n"}
    case $tutti_line in
      "${'$'}{tutti_want%:*} ${'$'}{tutti_want#*:} "*) ;;
      "${'$'}{tutti_want%:*} "*) set -- "$@" "$1" ;;
    esac
    shift
  done
  [ $# -gt 0 ] || return
  # One line for each, but for a name with a newline in it, which not every sha256sum escapes.
  case "$*" in *"$tutti_n"*) ;; *) tutti_why=$(sha256sum -- "$@") && { printf '%s\n' "$tutti_why"; return; } ;; esac
  for tutti_file; do sha256sum <"$tutti_file" || echo unreadable; done
}

# SIZE: so many bytes of standard input, and not one more.
tutti_bytes() { head -c "$1"; }

# Places what it is told, each thing whole under its name or not at all:
# file SIZE MODE SECONDS PATH (the bytes come on standard input), link TARGET PATH, mode MODE PATH, time SECONDS PATH, folder PATH, above PATH (the folder it is in), whole PATH (nothing is kept of what arrived in part).
# Answers with a line for each thing: ok, or ! and why, ended by RS.
tutti_place() {
  [ "$(printf abcd | { head -c 2 >/dev/null; cat; })" = cd ] || tutti_bytes() { dd bs=65536 iflag=fullblock,count_bytes count="$1" 2>/dev/null; }
  LC_ALL=C
  export LC_ALL
  tutti_header placing
  while [ $# -gt 0 ]; do
    case $1 in
      file)
        tutti_beside=${'$'}{5%/*}/.tutti-$tutti_id
        # Whatever happens, all of the file's bytes are taken from the input.
        tutti_why=$(tutti_bytes "$2" | {
          { mkdir -p -- "${'$'}{5%/*}" && (umask 077; cat >"$tutti_beside"); } 2>&1 || { cat >/dev/null; false; }
        }) &&
          tutti_why=$({
            [ "$(stat -c %s -- "$tutti_beside")" = "$2" ] || { echo 'it did not arrive whole'; false; }
          } 2>&1 && chmod "$3" -- "$tutti_beside" 2>&1 && { [ "$4" = - ] || touch -d "@$4" -- "$tutti_beside" 2>&1; } && tutti_move "$tutti_beside" "$5" 2>&1)
        tutti_ok=$?
        [ $tutti_ok = 0 ] || rm -f -- "$tutti_beside"
        shift 5 ;;
      link)
        tutti_beside=${'$'}{3%/*}/.tutti-$tutti_id
        tutti_why=$({ mkdir -p -- "${'$'}{3%/*}" && ln -s -- "$2" "$tutti_beside" && tutti_move "$tutti_beside" "$3"; } 2>&1)
        tutti_ok=$?
        [ $tutti_ok = 0 ] || rm -f -- "$tutti_beside"
        shift 3 ;;
      time) tutti_why=$(touch -d "@$2" -- "$3" 2>&1); tutti_ok=$?; shift 3 ;;
      mode) tutti_why=$(chmod "$2" -- "$3" 2>&1); tutti_ok=$?; shift 3 ;;
      folder) tutti_why=$(mkdir -p -- "$2" 2>&1); tutti_ok=$?; shift 2 ;;
      whole) rm -f -- "${'$'}{2%/*}/${partialFolder}/${'$'}{2##*/}"; rmdir -- "${'$'}{2%/*}/${partialFolder}"; tutti_ok=0; shift 2 ;;
      above) tutti_why=$(mkdir -p -- "${'$'}{2%/*}" 2>&1); tutti_ok=$?; shift 2 ;;
      *) return 1 ;;
    esac
    if [ $tutti_ok = 0 ]; then printf 'ok\036'; else printf '!%s\036' "$tutti_why"; fi
  done
}

# BESIDE PATH: gives it its name; a link there is replaced itself.
tutti_move() { mv -fT -- "$1" "$2"; }

# Listens for the ends of scripts, a line each, until standard input ends.
tutti_watch() {
  # Where nothing was started, or all is destroyed, nothing will end.
  [ -d "$tutti_work/scripts" ] || { tutti_header nothing; return; }
  tutti_why=$(umask 077; LC_ALL=C; export LC_ALL; { mkdir -p -- "$tutti_work/.watch" && cd -- "$tutti_work/.watch" && mkfifo "$tutti_id"; } 2>&1) || { tutti_header blocked; printf %s "$tutti_why"; return; }
  cd -- "$tutti_work/.watch"
  exec 5<>"$tutti_id" 6<&0
  (cat >/dev/null; rm -f "$tutti_id"; echo . >&5) <&6 &
  cd /
  tutti_header listening
  while read -r tutti_line <&5 && [ "$tutti_line" != . ]; do printf '%s\n' "$tutti_line"; done
}
`;

/** The first thing that the login shell's `/bin/sh` is told: to become one that reads lines. `hello` comes back when it does. */
export function farSide(workFolder: string, hello: string): string {
  const loop = `unset ${textVariable}
${keeper}${functions}
tutti_id=$2 tutti_group= tutti_led= tutti_wrapper=${quote(wrapper)}
if [ -d "$tutti_work" ] && [ ! -O "$tutti_work" ]; then tutti_header foreign; else tutti_header "ready $$"; fi
while IFS= read -r tutti_line; do eval "$tutti_line"; done
`;
  return `${textVariable}=${quote(loop)} exec /bin/sh -c ${quote(readText)} tutti-shell ${quote(workFolder)} ${hello}\n`;
}
