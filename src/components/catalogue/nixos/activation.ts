import type { ActionContext } from '../../model.ts';
import { answerTo } from './shared.ts';

/**
 * What runs on the host: it sets the profile and switches, waits to be confirmed, and goes back by itself when nobody does. It needs no connection, and leaves
 * its descriptors to no service. Where there is no Nix it keeps the links of the profile itself.
 *
 * `activate.sh PROFILE SECONDS PARTIAL set PATH | back [GENERATION]`. It answers in files of the folder `activation`: `code` is the exit code of
 * switch-to-configuration; `end` is what became of it: `confirmed`, `back GENERATION`, `nowhere` (there was no system before), or `lost CODE` (going back failed).
 */
const activateSh = String.raw`#!/bin/sh
set -u
profile=$1 seconds=$2 partial=$3 what=$4 to=${'$'}{5-}
exec 9>/run/tutti-activation.lock
flock -n 9 || { echo "another activation is under way on this host" >&2; exit 75; }
mkdir activation && mkdir -p "${'$'}{profile%/*}" || exit 73

tell() { echo "$2" >"activation/$1.new" && mv "activation/$1.new" "activation/$1"; }
generation() { link=$(readlink "$profile") || return; link=${'$'}{link##*/}; link=${'$'}{link%-link}; echo "${'$'}{link##*-}"; }
point() { ln -s "${'$'}{profile##*/}-$1-link" "$profile.new" && mv -T "$profile.new" "$profile"; }
# WHICH: the highest generation that is "-lt" or "-gt" 0 or another one.
highest() {
  best=
  for link in "$profile"-*-link; do
    n=${'$'}{link#"$profile"-}; n=${'$'}{n%-link}
    [ -L "$link" ] && [ "$n" "$1" "$2" ] && { [ -z "$best" ] || [ "$n" -gt "$best" ]; } && best=$n
  done
  echo "$best"
}
if command -v nix-env >/dev/null; then
  set_to() { nix-env -p "$profile" --set "$1"; }
  go_to() { nix-env -p "$profile" --switch-generation "$1"; }
else
  set_to() {
    [ "$(readlink -f "$profile")" = "$1" ] && return
    n=$(highest -gt 0); n=$((${'$'}{n:-0} + 1))
    ln -s "$1" "$profile-$n-link" && point "$n"
  }
  go_to() { [ -L "$profile-$1-link" ] || { echo "there is no generation $1" >&2; return 1; }; point "$1"; }
fi
switch() { "$profile/bin/switch-to-configuration" switch 9>&- </dev/null; }
# With this exit code the system is in place; with any other it is not.
stays() { case $1$partial in 0* | 100* | 4stay) ;; *) false ;; esac; }

request=$what${'$'}{to:+ $to}
before=$(generation) || before=
# One that was killed in the middle has set the profile already: run again, it goes to the same place, and back to where it began.
if { read -r same && read -r goal && read -r began; } 2>/dev/null <goal && [ "$same" = "$request" ] && [ "$goal" = "$(readlink -f "$profile")" ]; then
  before=$began
else
  goal=$to
  if [ "$what" = back ]; then
    [ -n "$to" ] || to=$(highest -lt "${'$'}{before:-0}")
    [ -n "$to" ] || { echo "there is no generation before ${'$'}{before:-the first}" >&2; exit 74; }
    goal=$(readlink -f "$profile-$to-link")
  fi
  printf '%s\n' "$request" "$goal" "$before" >goal
  if [ "$what" = back ]; then go_to "$to"; else set_to "$to"; fi 9>&- || exit 74
fi
switch
code=$?
tell code "$code"
if stays "$code"; then
  i=0
  while [ "$i" -lt $((seconds * 5)) ] && [ ! -e activation/refused ]; do
    [ -e activation/confirmed ] && { readlink -f "$profile" >last; rm -f goal; tell end confirmed; exit 0; }
    sleep 0.2
    i=$((i + 1))
  done
fi
[ -n "$before" ] || { tell end nowhere; exit 0; }
code=74
go_to "$before" 9>&- && { switch; code=$?; }
if stays "$code"; then
  rm -f goal
  tell end "back $before"
else
  tell end "lost $code"
fi
`;

/** What switch-to-configuration's exit codes mean (NixOS, `switch-to-configuration`). */
const meanings: Readonly<Record<string, string>> = {
  1: 'the boot loader was not installed, or the host is no NixOS installation (/etc/NIXOS)',
  2: 'the activation script failed',
  3: 'systemd could not be reloaded',
  4: 'some units failed',
  100: 'a reboot is needed',
};

/** How the profile comes to be what it is to be: the path that was pushed last, or an earlier generation (0: the one before). */
export type Change = { readonly to: 'pushed' } | { readonly to: 'generation'; readonly generation: number };

/**
 * Switches, looks whether the host is well, and confirms over a connection that is made anew. Writes the data ports `outcome` (0, 4 or 100) and `generation`.
 * @throws Error when the host went back by itself, saying why and to which generation
 */
export async function activate(context: ActionContext, change: Change): Promise<void> {
  const { parameters, path } = context;
  const seconds = Number(parameters['confirmWithin']);
  const profile = String(parameters['profile']);
  context.writeFile('activate.sh', activateSh, { mode: 0o700 });
  await context.flushTransfers();
  // What an earlier one answered.
  await context.run(['rm', '-rf', 'activation']);
  const how = change.to === 'pushed' ? ['set', await pushed(context)] : ['back', ...(change.generation === 0 ? [] : [String(change.generation)])];
  const activation = context.run(['./activate.sh', profile, String(seconds), String(parameters['partial']), ...how]);
  let isOver = false;
  const over = activation.then(() => { isOver = true; }, () => { isOver = true; });
  const code = await Promise.race([over.then(() => undefined), switched(context, () => isOver)]);
  let refusal: string | undefined;
  if (code !== undefined && !isOver && waitsForAnswer(code, String(parameters['partial']))) {
    refusal = await refusalOf(context, seconds);
    const answer = `${path}/activation/${refusal === undefined ? 'confirmed' : 'refused'}`;
    // A login is what the next change will need: a connection that stands since before the switch proves nothing.
    if (context.ssh === undefined || refusal !== undefined) await context.run(['touch', answer]);
    else await context.run(['ssh', ...context.ssh.arguments, '-o', 'BatchMode=yes', '-o', 'ControlPath=none', '-o', `ConnectTimeout=${seconds}`, '--', context.ssh.destination, 'read -r answer && touch "$answer"'], { on: 'local', input: `${answer}\n`, allowFailure: true, timeoutMs: seconds * 1000 + 10_000 });
  }
  await activation;
  const [said = '', end = ''] = (await answerTo(context, 'cat activation/code activation/end')).split('\n');
  if (end !== 'confirmed' && end !== '') throw new Error(`${refusal ?? whyNot(said, seconds)}; ${whereTo(end)}`);
  const [number, current] = (await answerTo(context, ['sh', '-c', 'readlink "$1"; readlink -f "$1"', 'sh', profile])).split('\n');
  context.write('outcome', Number(said));
  context.write('generation', { number: Number(/-(\d+)-link$/.exec(number ?? '')?.[1] ?? 0), path: current ?? '' });
}

async function pushed(context: ActionContext): Promise<string> {
  return (await answerTo(context, ['readlink', '-f', 'root'])) || '<toplevel>';
}

/** Resolves when switch-to-configuration has ended, or the script without it. */
async function switched(context: ActionContext, isOver: () => boolean): Promise<string> {
  let code = '';
  await context.waitUntil('the host has switched', async () => {
    const { exitCode, stdout } = await context.ask(['cat', 'activation/code']);
    code = stdout.trim();
    return exitCode === 0 || isOver();
  }, { timeoutMs: 1_800_000, everyMs: 100 });
  return code;
}

/** With any other code the host is on its way back already. */
function waitsForAnswer(code: string, partial: string): boolean {
  return code === '0' || code === '100' || (code === '4' && partial === 'stay');
}

/** Why the host is not to be confirmed; undefined when its own check succeeds in time, or when it has none. */
async function refusalOf(context: ActionContext, seconds: number): Promise<string | undefined> {
  const check = String(context.parameters['check']);
  if (check === '') return undefined;
  let said = '';
  try {
    await context.waitUntil('the check succeeds', async () => {
      const { exitCode, stdout, stderr } = await context.ask(check);
      said = `${stdout}${stderr}`.trim().split('\n').at(-1)!;
      return exitCode === 0;
    }, { timeoutMs: seconds * 1000, everyMs: 200 });
    return undefined;
  } catch {
    context.signal.throwIfAborted();
    return `the check "${check}" does not succeed${said === '' ? '' : `: ${said}`}`;
  }
}

function whyNot(code: string, seconds: number): string {
  if (code === '0' || code === '100') return `nobody could log in within ${seconds} s after the switch to confirm it`;
  return `switch-to-configuration ended with ${code}${meanings[code] === undefined ? '' : ` (${meanings[code]})`}`;
}

function whereTo(end: string): string {
  const [what, which] = end.split(' ');
  if (what === 'back') return `the host went back to generation ${which}`;
  if (what === 'nowhere') return 'there is no generation before that it could go back to';
  return `and going back ended with ${which}, so that the host is in between: log in and look`;
}
