import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Shop } from './shop.ts';

const text = (library: string) => `import { program } from '${library}';
export default program(async (assembly) => {
  await assembly.pushBehaviour('web', 'break');
  await assembly.wait('web');
  await assembly.pushBehaviour('store', 'stop');
  await assembly.waitAll();
});
`;

/** A shop in whose folder programs/ is a program that breaks the web, and then stops the store. */
async function broken(): Promise<Shop> {
  const shop = new Shop();
  mkdirSync(join(shop.folder, 'programs'));
  writeFileSync(join(shop.folder, 'programs/p.ts'), text(shop.env['LIBRARY']!));
  expect(await shop.tutti('run', shop.file)).toMatchObject({ code: 0 });
  const { code, err } = await shop.tutti('run', shop.file, 'programs/p.ts');
  expect({ code, err: err.split('\n')[1] }).toEqual({ code: 1, err: expect.stringContaining('Mend what failed') });
  return shop;
}

const mend = (shop: Shop) => writeFileSync(shop.file, readFileSync(shop.file, 'utf8').replace('echo no luck >&2; exit 7', 'true'));

it.each(['retry', 'skip'])('a program in TypeScript goes on after %s, from whichever folder that is said', async (repair) => {
  await using shop = await broken();
  mend(shop);
  const repaired = await shop.sh(`cd / && tutti ${repair} '${shop.file}' web`);
  expect(repaired).toMatchObject({ code: 0, err: '' });
  expect(repaired.out).toContain('behaviour  store stop done');
  expect((await shop.tutti('status', shop.file)).out).toMatch(/^shop: program programs\/p\.ts done: /);
});

it('a program in TypeScript whose controller was killed goes on with resume, from another folder', async () => {
  await using shop = new Shop();
  writeFileSync(join(shop.folder, 'p.ts'), text(shop.env['LIBRARY']!).replace('break', 'serve'));
  expect(await shop.tutti('run', shop.file)).toMatchObject({ code: 0 });
  const run = shop.begin('run', shop.file, 'p.ts');
  await run.said('started    web.serve');
  run.kill('SIGKILL');
  await run.ending;
  writeFileSync(join(shop.folderOf('node.2', 'web'), 'closed'), '');
  expect(await shop.sh(`cd programs 2>/dev/null || cd /; tutti resume '${shop.file}'`)).toMatchObject({ code: 0, err: '' });
  expect((await shop.tutti('status', shop.file)).out).toMatch(/^shop: program p\.ts done: /);
});
