import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shellTemplate, type ShellTemplate } from '../../src/assembly/shell-template.ts';
import { readTemplate } from '../../src/assembly/template.ts';
import type { ActionContext, ComponentType, Value } from '../../src/components/model.ts';
import { parse } from './stage.ts';

const shell = (text: string): ShellTemplate => {
  const made = shellTemplate(readTemplate(text));
  if (!('text' in made)) throw new Error(made.why);
  return made;
};

describe('a value in a shell text', () => {
  const table: [string, string, string][] = [
    ['bare', 'echo {{name}}', 'echo "${TUTTI_1}"'],
    ['in double quotes', 'echo "a {{name}} b"', 'echo "a ${TUTTI_1} b"'],
    ['in single quotes', "echo 'a {{name}} b'", `echo 'a '"\${TUTTI_1}"' b'`],
    ['at the end of a path', 'cat {{path}}/x', 'cat "${TUTTI_1}"/x'],
    ['twice', 'echo {{name}} "{{name}}" {{path}}', 'echo "${TUTTI_1}" "${TUTTI_1}" "${TUTTI_2}"'],
    ['in $(…)', 'echo "$(cat {{name}})"', 'echo "$(cat "${TUTTI_1}")"'],
    ['after an escaped quote', 'echo \\" {{name}}', 'echo \\" "${TUTTI_1}"'],
    ['in a comment', "true # it's {{name}}\necho {{name}}", 'true # it\'s \necho "${TUTTI_1}"'],
    ['in a here-document', 'cat <<END\n"{{name}}"\nEND\necho {{name}}', 'cat <<END\n"${TUTTI_1}"\nEND\necho "${TUTTI_1}"'],
    ['after a quoted here-document', "cat <<'END'\n$x \"\nEND\necho {{name}}", "cat <<'END'\n$x \"\nEND\necho \"${TUTTI_1}\""],
    ['in ${…:-…}', 'echo ${x:-{{name}}}', 'echo ${x:-"${TUTTI_1}"}'],
    ['a double brace for somebody else', "docker ps --format '\\{{.Names}}'", "docker ps --format '{{.Names}}'"],
  ];
  it.each(table)('%s', (_, text, expected) => {
    expect(shell(text).text).toBe(expected);
  });

  const hostile = [`$(touch /tmp/owned)`, '`id`', `'; id; '`, `"; id; "`, '$HOME', '*', 'a  b', '\\', 'END\nid', '-n', '', "it's", '${TUTTI_1}', '!', 'é\n\nü'];
  const surroundings = ['printf %s {{x}}', 'printf %s "{{x}}"', "printf %s '{{x}}'", 'printf %s "$(printf %s {{x}}; echo .)"', 'y={{x}}; printf %s "$y"', 'case a in (a) printf %s {{x}};; esac', 'cat <<END\n{{x}}\nEND'];
  it('is data for a real shell, whatever it holds', () => {
    for (const text of surroundings) {
      const made = shell(text);
      for (const value of hostile) {
        const printed = execFileSync('/bin/sh', ['-c', made.text], { env: { ...process.env, TUTTI_1: value }, encoding: 'utf8' });
        const expected = text.includes('echo .') ? `${value}.` : text.startsWith('cat') ? `${value}\n` : value;
        expect({ text, value, printed }).toEqual({ text, value, printed: expected });
      }
    }
  });
  it('never stands in the text itself: only references do, in any text', () => {
    const pieces = fc.constantFrom("'", '"', '\\', '$(', ')', '`', '#', ' ', '\n', '<<E', '\nE\n', '{{name}}', 'x', '$((', '))', '${', '}', 'case a in a) ', '<<-"E"');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 25 }), (parts) => {
        // A backslash before the braces says that they are not for tutti.
        fc.pre(!parts.join('').includes('\\{{'));
        const made = shellTemplate(readTemplate(parts.join('')));
        if (!('text' in made)) return;
        expect(made.text).not.toContain('{{name}}');
        const count = parts.join('').split('{{name}}').length - 1;
        expect(made.text.split('${TUTTI_1}').length - 1).toBeLessThanOrEqual(count);
      }),
      { numRuns: 500 },
    );
  });
});

/** What an action did, a line a step. */
function recorded(given: { parameters?: Record<string, Value>; data?: Record<string, Value>; stdout?: string; exitCodes?: number[] } = {}): { context: ActionContext; steps: string[] } {
  const steps: string[] = [];
  const exitCodes = [...(given.exitCodes ?? [])];
  const show = (command: unknown, env: unknown): string => `${JSON.stringify(command)}${env && Object.keys(env).length > 0 ? ` ${JSON.stringify(env)}` : ''}`;
  const context = {
    component: 'web1', transition: 'start', attempt: 1, path: '/work/web1', hostname: 'worker1', address: '10.0.0.7',
    parameters: given.parameters ?? {},
    signal: new AbortController().signal,
    read: (port: string) => given.data?.[port],
    write: (port: string, value: Value) => void steps.push(`write ${port} ${JSON.stringify(value)}`),
    log: () => {},
    warn: () => {},
    run: async (command: unknown, options: { env: object; input?: string; on?: string; timeoutMs: number }) => {
      steps.push(`run ${show(command, options.env)}${options.input === undefined ? '' : ` < ${JSON.stringify(options.input)}`} within ${options.timeoutMs}${options.on ? ` on ${options.on}` : ''}`);
      return { exitCode: 0, stdout: given.stdout ?? '', stderr: '' };
    },
    ask: async (command: unknown, options: { env: object }) => {
      steps.push(`ask ${show(command, options.env)}`);
      return { exitCode: exitCodes.shift() ?? 0, stdout: '', stderr: 'first\nrefused' };
    },
    startScript: async (name: string, command: unknown, options: { env: object }) => void steps.push(`start ${name} ${show(command, options.env)}`),
    killScript: async (name: string) => void steps.push(`kill ${name}`),
    waitUntil: async (what: string, probe: () => Promise<boolean>, options: object) => {
      steps.push(`wait until ${what} ${JSON.stringify(options)}`);
      while (!(await probe())) steps.push('not yet');
    },
    writeFile: (path: string, text: string, options: object) => void steps.push(`file ${path} ${JSON.stringify(text)} ${JSON.stringify(options)}`),
    queueTransfer: (from: string, to: string) => void steps.push(`transfer ${from} to ${to}`),
    flushTransfers: async () => void steps.push('flush'),
    facts: async () => {
      steps.push('facts');
      return { address: '10.0.0.7', hostname: 'n7', cores: 16, memoryBytes: 2 ** 36, disks: [] };
    },
  };
  return { context: context as unknown as ActionContext, steps };
}

function typeOf(text: string): ComponentType {
  const { assembly, diagnostics } = parse(`hosts: { head: {} }\ntypes:\n  t:\n${text.replace(/^/gm, '    ')}\ncomponents: { a: { type: t, on: head } }\n`);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return assembly!.types.get('t')!;
}
async function play(text: string, transition: string, given: Parameters<typeof recorded>[0] = {}): Promise<string[]> {
  const { context, steps } = recorded(given);
  await typeOf(text).transitions[transition]!.action?.(context);
  return steps;
}

describe('the action of a YAML transition', () => {
  it('gives `run` its input, and asks the host what it is only when a template wants to know', async () => {
    const type = `places: [off, on]
transitions:
  start: { from: off, to: on, behaviour: go, run: "serve -j {{host.cores}}", input: "memory {{host.memory}}\\n" }
  stop: { from: on, to: off, behaviour: back, run: [stop, "{{host.name}}"] }`;
    expect(await play(type, 'start')).toEqual(['facts', 'run "serve -j \\"${TUTTI_1}\\"" {"TUTTI_1":"16"} < "memory 68719476736\\n" within 600000']);
    expect(await play(type, 'stop')).toEqual(['run ["stop","worker1"] within 600000']);
  });

  it('places files, runs, ends and starts daemons, asks until ready and writes, in this order', async () => {
    const steps = await play(
      `places: [off, on]
parameters: { port: 80 }
transitions:
  start:
    from: off
    to: on
    behaviour: deploy
    writes: { url: "http://{{host.address}}:{{with.port}}/", port: "{{with.port}}", version: "{{output}}", fixed: [1, 2] }
    ready: "curl -fs localhost:{{with.port}}"
    script: [nginx, -g, "daemon off;", "{{path}}/conf"]
    kill: [start]
    run: "nginx -v '{{name}}'"
    files:
      - { from: site/, to: "{{path}}/site" }
      - { from: /etc/hosts, to: hosts }
      - { text: "listen {{with.port}};", to: conf, mode: 0o600 }
    timeout: 5m
ports:
  url: { data-provide: url, boundTo: on }
  port: { data-provide: port, boundTo: on }
  version: { data-provide: version, boundTo: on }
  fixed: { data-provide: fixed, boundTo: on }`,
      'start',
      { parameters: { port: 8080 }, stdout: 'nginx 1.2\n', exitCodes: [1, 0] },
    );
    expect(steps).toEqual([
      'transfer /srv/test/site/ to /work/web1/site',
      'transfer /etc/hosts to hosts',
      'file conf "listen 8080;" {"mode":384}',
      'flush',
      `run "nginx -v ''\\"\${TUTTI_1}\\"''" {"TUTTI_1":"web1"} within 300000`,
      'kill start',
      'start start ["nginx","-g","daemon off;","/work/web1/conf"]',
      'wait until "start" is ready {"timeoutMs":300000,"alive":"start"}',
      'ask "curl -fs localhost:\\"${TUTTI_1}\\"" {"TUTTI_1":"8080"}',
      'not yet',
      'ask "curl -fs localhost:\\"${TUTTI_1}\\"" {"TUTTI_1":"8080"}',
      'write url "http://10.0.0.7:8080/"',
      'write port 8080',
      'write version "nginx 1.2"',
      'write fixed [1,2]',
    ]);
  });
  it('reads what its data-use ports hold; an optional port without connection is the empty text', async () => {
    const text = `places: [off, on]
transitions: { up: { from: off, to: on, behaviour: deploy, run: [join, "{{read.peers}}", "{{read.secret}}"] } }
ports: { peers: { data-use: peers, boundTo: up, atLeast: all }, secret: { data-use: secret, boundTo: up, optional: true } }`;
    expect(await play(text, 'up', { data: { peers: ['a', 'b'] } })).toEqual(['run ["join","[\\"a\\",\\"b\\"]",""] within 600000']);
  });
  it('a text of several lines stops at its first failure; `on` runs it elsewhere', async () => {
    expect(await play('places: [off, on]\ntransitions: { up: { from: off, to: on, behaviour: deploy, on: head, run: "false\\ntrue" } }', 'up')).toEqual(['run "set -e\\nfalse\\ntrue" within 600000 on head']);
    expect(await play('places: [off, on]\ntransitions: { up: { from: off, to: on, behaviour: deploy, ready: "a\\nb" } }', 'up')).toContain('ask "set -e\\na\\nb"');
  });
  it('data of a service are written by whatever enters a place where it is provided', async () => {
    const text = `places: [off, on, paused]
groups: { up: [on, paused] }
transitions:
  start: { from: off, to: on, behaviour: deploy }
  pause: { from: on, to: paused, behaviour: pause, run: "true" }
  stop: { from: on, to: off, behaviour: stop }
ports: { http: { provide: site, boundTo: up, data: { url: "http://{{host.name}}/" } } }`;
    expect(await play(text, 'start')).toEqual(['write http.url "http://worker1/"']);
    expect(await play(text, 'pause')).toEqual(['run "true" within 600000', 'write http.url "http://worker1/"']);
    expect(typeOf(text).transitions['stop']!.action).toBeUndefined();
  });
  it('a transition without anything to do has no action', () => {
    expect(typeOf('places: [off, on]\ntransitions: { up: { from: off, to: on, behaviour: deploy, seconds: 3 } }').transitions['up']).toEqual({ from: 'off', to: 'on', behaviour: 'deploy', durationMs: 3000 });
  });
  it('a probe that fails throws what it said', async () => {
    const { context, steps } = recorded({ exitCodes: [0, 7] });
    const probe = typeOf('places: [off, on]\ntransitions: { up: { from: off, to: on, behaviour: deploy } }\nprobes: { on: "pgrep {{name}}" }').probes['on']!;
    await probe(context);
    await expect(probe(context)).rejects.toThrow('exit code 7: refused');
    expect(steps[0]).toBe('ask "pgrep \\"${TUTTI_1}\\"" {"TUTTI_1":"web1"}');
  });
});
