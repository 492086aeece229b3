import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Assembly } from '../../src/assembly/model.ts';
import { defineComponent } from '../../src/components/define.ts';
import type { ComponentType } from '../../src/components/model.ts';
import { assemblyGraph, graphFormats, netGraph } from '../../src/view/graph.ts';
import { assemblyPicture, rangeOf } from '../../src/view/graph/assembly-picture.ts';
import { netPicture } from '../../src/view/graph/net-picture.ts';
import { agent, diet, large } from './diet.ts';
import { all, parseXml, texts } from './xml.ts';
import { cpuMs } from '../cpu-time.ts';

describe('assemblyGraph', () => {
  test.each(graphFormats)('the picture of diet as %s is as it was looked at', async (as) => {
    await expect(assemblyGraph(diet, { as })).toMatchFileSnapshot(`snapshots/assembly-diet.${as}`);
  });

  test('connections between the same two components are one line a kind, with the ports of each', () => {
    const { boxes, bundles } = assemblyPicture({ ...diet, connections: [...diet.connections, { use: { component: 'la1', port: 'parent' }, provide: { component: 'ns', port: 'naming' } }] }, 100);
    const id = (name: string) => boxes.find((box) => box.name === name)!.id;
    expect(bundles.filter(({ from }) => from === id('la1'))).toEqual([
      { from: id('la1'), to: id('ns'), kind: 'service', labels: ['naming', 'parent → naming'] },
      { from: id('la1'), to: id('ns'), kind: 'data', labels: ['address'] },
      { from: id('la1'), to: id('ma1'), kind: 'service', labels: ['parent → agent'] },
    ]);
  });

  test('services and data are told apart by their lines, not by colour alone', () => {
    const lines = all(parseXml(assemblyGraph(diet, { as: 'svg' })), 'path').filter((path) => path.attributes.has('marker-end'));
    expect(new Set(lines.map((line) => `${line.attributes.get('class')} ${line.attributes.get('stroke-dasharray') ?? 'solid'}`))).toEqual(new Set(['service solid', 'data 6 4']));
  });

  test('many counted components are one box, whose line says how many connections it stands for', () => {
    expect(assemblyPicture(large(600), 100)).toEqual({
      boxes: [
        { id: 'c1', name: 'ns', type: 'diet/naming-service', host: 'head', count: 1 },
        { id: 'c2', name: 'ma1', type: 'diet/agent', host: 'head', count: 1 },
        { id: 'c3', name: 'sed[1..600]', type: 'diet/agent', host: 'worker[1..600]', count: 600 },
      ],
      bundles: [
        { from: 'c2', to: 'c1', kind: 'service', labels: ['naming'] },
        { from: 'c3', to: 'c1', kind: 'service', labels: ['naming ×600'] },
        { from: 'c3', to: 'c2', kind: 'service', labels: ['parent → agent ×600'] },
      ],
    });
  });

  test('many components without numbers are a box a type', () => {
    const components = Array.from({ length: 300 }, (_, i) => ({ name: `agent-${i}`, type: 'diet/agent', on: `host-${i % 7}`, with: {} }));
    expect(assemblyPicture({ ...diet, components, connections: [] }, 100).boxes).toEqual([{ id: 'c1', name: '300 components', type: 'diet/agent', host: '7 hosts', count: 300 }]);
  });

  test.each([
    [['sed[1]', 'sed[2]', 'sed[3]'], 'sed[1..3]'],
    [['sed[3]', 'sed[1]'], 'sed[1..3] (2 of them)'],
    [['sed[1]', 'la[2]'], undefined],
    [['sed', 'sed[1]'], undefined],
  ])('the range of %j is %j', (names, range) => expect(rangeOf(names)).toBe(range));

  test('10,000 components take no longer than a picture of their boxes', () => {
    expect(cpuMs(() => assemblyGraph(large(10_000), { as: 'svg' }))).toBeLessThan(3_000);
  });

  test('an assembly without components is an empty picture', () => {
    for (const as of graphFormats) expect(assemblyGraph({ ...diet, components: [], connections: [] }, { as })).toContain(as === 'svg' ? '0 components' : as === 'dot' ? 'digraph' : 'flowchart');
  });
});

describe('netGraph', () => {
  test.each(graphFormats)('the picture of an agent as %s is as it was looked at', async (as) => {
    await expect(netGraph(agent, { as })).toMatchFileSnapshot(`snapshots/net-agent.${as}`);
  });

  test('everything that is declared is there by name', () => {
    const said = texts(parseXml(netGraph(agent, { as: 'svg' })));
    expect(said).toEqual(expect.arrayContaining([...agent.places, ...Object.keys(agent.transitions), ...Object.keys(agent.ports), ...Object.keys(agent.groups), ...agent.behaviours]));
  });

  test('groups that nest are enclosures in each other; one that overlaps is written at its places', () => {
    const type = defineComponent({
      name: 'g', places: ['a', 'b', 'c', 'd'], initialPlace: 'a', behaviours: ['go'],
      groups: { inner: ['b'], outer: ['a', 'b'], crossing: ['b', 'c'], apart: ['d'] },
      transitions: { ab: { from: 'a', to: 'b', behaviour: 'go' } },
      ports: { p: { kind: 'provide', boundTo: ['crossing'] } },
    });
    const picture = netPicture(type);
    const name = (id: string | undefined) => picture.groups.find((group) => group.id === id)?.name;
    expect(picture.groups.map((group) => [group.name, name(group.parent)])).toEqual([['outer', undefined], ['inner', 'outer'], ['apart', undefined]]);
    expect(picture.places.map((place) => [place.name, name(place.group), place.tags])).toEqual([['a', 'outer', []], ['b', 'inner', ['crossing']], ['c', undefined, ['crossing']], ['d', 'apart', []]]);
    expect(name(picture.transitions[0]!.group)).toBe('outer');
    expect(picture.ports[0]!.boundTo).toEqual(picture.places.slice(1, 3).map((place) => place.id));
    for (const as of graphFormats) expect(netGraph(type, { as })).toContain('crossing');
  });

  test('no Mermaid label is empty: that is a syntax error', () => {
    expect(netGraph({ ...agent, places: [...agent.places, ''] } as ComponentType, { as: 'mermaid' })).toContain('((" "))');
  });

  test('a switch is a diamond that names the port it chooses by', () => {
    const type = defineComponent({
      name: 's', places: ['a', 'b'], initialPlace: 'a', behaviours: ['go'],
      transitions: { ab: { from: 'a', to: 'b', behaviour: 'go' }, again: { from: 'b', to: 'b', behaviour: 'go' } },
      switches: { a: { port: 'size', cases: [{ otherwise: ['ab'] }] } },
      ports: { size: { kind: 'data-use', boundTo: ['a'] } },
    });
    expect(texts(parseXml(netGraph(type, { as: 'svg' })))).toContain('by size');
    expect(netGraph(type, { as: 'mermaid' })).toContain('p1{"a"}');
    expect(netGraph(type, { as: 'dot' })).toContain('p1 [shape=diamond, label="a"]');
  });
});

describe('names of any kind', () => {
  const named = (text: string): { readonly assembly: Assembly; readonly type: ComponentType } => {
    const type = { ...agent, name: text, places: [...agent.places, text] } as ComponentType;
    return { type, assembly: { ...diet, name: text, types: new Map([[text, type]]), components: [{ name: text, type: text, on: text, with: {} }], connections: [] } };
  };

  test('svg stays well formed and holds no element of theirs', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { assembly, type } = named(text);
      for (const svg of [assemblyGraph(assembly, { as: 'svg' }), netGraph(type, { as: 'svg' })]) expect(all(parseXml(svg), 'script')).toEqual([]);
    }), { numRuns: 30 });
  });

  test.each([
    ['sed[1]', '"sed[1]<br/>', 'label="sed[1]\\n'],
    ['say "hi"', '"say #34;hi#34;<br/>', 'label="say \\"hi\\"\\n'],
    ['a\\n]b|c', '"a#92;n]b|c<br/>', 'label="a\\\\n]b|c\\n'],
    ['<b>&lt;', '"#60;b#62;#38;lt#59;<br/>', 'label="<b>&amp;lt;\\n'],
    ['%%{init}%% `x` #35;', '"#37;#37;#123;init#125;#37;#37; #96;x#96; #35;35#59;<br/>', 'label="%%{init}%% `x` #35;\\n'],
    ['', '["<br/>', 'label="\\n'],
    ['two\nlines', '"two lines<br/>', 'label="two lines\\n'],
  ])('%j as Mermaid and DOT', (text, mermaid, dot) => {
    expect(assemblyGraph(named(text).assembly, { as: 'mermaid' })).toContain(mermaid);
    expect(assemblyGraph(named(text).assembly, { as: 'dot' })).toContain(dot);
  });
});
