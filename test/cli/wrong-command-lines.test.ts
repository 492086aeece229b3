import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inDiagnostics } from '../../src/cli/diagnostics.ts';
import { render } from '../../src/diagnostic.ts';
import { unreadable } from '../../src/session/unreadable.ts';
import { Shop } from './shop.ts';

/**
 * Wrong command lines, files and programs, and what tutti says of each: `=== title`, lines of sh that bring it about (`+`), the command (`$`), `>>>`, what it
 * says on standard output (`|`) and standard error, and its exit code. After a change of words, run this test with WRITE_COMPLAINTS=1 and read the difference.
 */
const file = join(import.meta.dirname, 'wrong-command-lines.txt');

const cases = readFileSync(file, 'utf8').split(/^=== /m).slice(1).map((text) => {
  const [head, expected] = text.split(/^>>>\n/m);
  const [title, ...lines] = head!.trimEnd().split('\n');
  const marked = (mark: string) => lines.filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(2)).join('\n');
  return { title: title!, head: head!.trimEnd(), before: marked('+'), command: marked('$'), expected: expected?.trimEnd() };
});

async function said({ before, command }: { readonly before: string; readonly command: string }): Promise<string> {
  await using shop = new Shop();
  if (before !== '') expect(await shop.sh(`set -e\n${before}`)).toMatchObject({ code: 0 });
  const { code, out, err } = await shop.sh(command);
  return [...shop.plain(out).split('\n').slice(0, -1).map((line) => `| ${line}`), ...shop.plain(err).split('\n').slice(0, -1), `exit ${code}`].join('\n');
}

if (process.env['WRITE_COMPLAINTS']) {
  it('writes what is said', async () => {
    const written: string[] = [];
    for (const one of cases) written.push(`=== ${one.head}\n>>>\n${await said(one)}\n`);
    writeFileSync(file, written.join('\n'));
  }, 600_000);
} else {
  describe.concurrent('a wrong command line', () => {
    it.each(cases)('$title', async ({ expected, ...one }) => {
      expect(await said(one)).toBe(expected);
    });
  });
}

it('each of them is answered by one diagnostic and its exit code, none by a stack', () => {
  expect(cases.length).toBeGreaterThanOrEqual(40);
  expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
  for (const { title, expected = '' } of cases) {
    expect(expected, title).not.toMatch(/^\s+at .*:\d+/m);
    expect(expected, title).toMatch(/^(?:\S+  )?(?:note  )?[A-Z][A-Z_]+  [A-Z]|"severity":"error"|^Mend what failed|^Nothing runs|^Usage: tutti|ended with exit code|^\| Nothing to destroy|^\| shop: |^\| \+T /m);
    expect(expected, title).toMatch(/exit (?:0|1|2|3|4)$/);
  }
});

it('what begins with the name of a host keeps it as it is', () => {
  const said = (message: string) => inDiagnostics(new Error(message))[0]!.detail!.split(' What was begun')[0];
  expect([said('h2: it does not answer'), said('worker[2]: wants 5'), said('it does not answer')]).toEqual(['h2: it does not answer.', 'worker[2]: wants 5.', 'It does not answer.']);
});

// Root may read everything, so that no file of a test is refused to it.
it('a file that this user may not read', () => {
  expect(render(unreadable('a.yaml', Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES' })))).toBe(
    'a.yaml  FILE_UNREADABLE  The file cannot be read\n  It may not be read by this user: change its rights (chmod), or name another file.');
});
