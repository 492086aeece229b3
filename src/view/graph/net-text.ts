import { colourOf } from '../palette.ts';
import { dotLabel, mermaidLabel } from './escape.ts';
import { isData, isUsed, type NetPicture } from './net-picture.ts';

type Group = NetPicture['groups'][number];

/** Enclosures from the outside in: `open` and `close` around what is drawn inside. */
function nested(picture: NetPicture, open: (group: Group) => string, close: string, inside: (group: string | undefined) => string[], group?: string, indent = '  '): string[] {
  return [
    ...inside(group).map((line) => indent + line),
    ...picture.groups
      .filter(({ parent }) => parent === group)
      .flatMap((inner) => [indent + open(inner), ...nested(picture, open, close, inside, inner.id, `${indent}  `), indent + close]),
  ];
}

/** As a Mermaid flowchart: places are circles (the initial one double), transitions are rounded boxes in the colour of their behaviour, ports are flags. */
export function netMermaid(picture: NetPicture): string {
  const { places, transitions, ports, behaviours } = picture;
  const colour = colourOf(behaviours);
  const inside = (group: string | undefined): string[] => [
    ...places.filter((place) => place.group === group).map(({ id, name, initial, choosesBy, tags }) => {
      const text = mermaidLabel(name, ...tags.map((tag) => `in ${tag}`));
      return choosesBy !== undefined ? `${id}{${text}}` : initial ? `${id}(((${text})))` : `${id}((${text}))`;
    }),
    ...transitions.filter((transition) => transition.group === group).map(({ id, name, dockSet }) => `${id}([${mermaidLabel(name, ...(dockSet === undefined ? [] : [`dock set ${dockSet}`]))}])`),
  ];
  return [
    'flowchart TB',
    ...nested(picture, ({ id, name }) => `subgraph ${id} [${mermaidLabel(name)}]`, 'end', inside),
    ...transitions.map(({ id, from, to }) => `  ${from} --- ${id} --> ${to}`),
    ...ports.map(({ id, name, about, kind }) => (isUsed(kind) ? `  ${id}>${mermaidLabel(name, about)}]` : `  ${id}[/${mermaidLabel(name, about)}/]`)),
    ...ports.flatMap(({ id, boundTo, kind }) => boundTo.map((element) => (isUsed(kind) ? `  ${id} -.- ${element}` : `  ${element} -.- ${id}`))),
    ...behaviours.map((behaviour, i) => `  classDef behaviour${i + 1} fill:${colour(behaviour).fill},stroke:${colour(behaviour).line},color:#1f2328`),
    ...transitions.map(({ id, behaviour }) => `  class ${id} behaviour${behaviours.indexOf(behaviour) + 1}`),
    ...picture.groups.map(({ id }) => `  style ${id} fill:none,stroke-dasharray:5 4`),
    '',
  ].join('\n');
}

/** As a Graphviz digraph: places are circles (the initial one double), transitions are filled boxes in the colour of their behaviour, ports are boxes (those that provide grey). */
export function netDot(picture: NetPicture): string {
  const { places, transitions, ports, behaviours } = picture;
  const colour = colourOf(behaviours);
  const inside = (group: string | undefined): string[] => [
    ...places.filter((place) => place.group === group).map(({ id, name, initial, choosesBy, tags }) =>
      `${id} [shape=${choosesBy !== undefined ? 'diamond' : initial ? 'doublecircle' : 'circle'}, label=${dotLabel(name, ...tags.map((tag) => `in ${tag}`))}];`),
    ...transitions.filter((transition) => transition.group === group).map(({ id, name, behaviour, dockSet }) =>
      `${id} [shape=box, style="rounded,filled", fillcolor="${colour(behaviour).fill}", color="${colour(behaviour).line}", label=${dotLabel(name, ...(dockSet === undefined ? [] : [`dock set ${dockSet}`]))}, tooltip=${dotLabel(behaviour)}];`),
  ];
  /** A link to an enclosure is drawn to a place in it and cut at its border. */
  const placeIn = (group: string): string | undefined =>
    places.find((place) => place.group === group)?.id ?? picture.groups.filter(({ parent }) => parent === group).map(({ id }) => placeIn(id)).find((id) => id !== undefined);
  const link = (port: string, element: string, kind: NetPicture['ports'][number]['kind']): string => {
    const inGroup = element.startsWith('g') ? placeIn(element) : undefined;
    const [from, to, end] = isUsed(kind) ? [port, inGroup ?? element, 'lhead'] : [inGroup ?? element, port, 'ltail'];
    return `  ${from} -> ${to} [style=${isData(kind) ? 'dashed' : 'dotted'}, arrowhead=none${inGroup === undefined ? '' : `, ${end}=cluster_${element}`}];`;
  };
  return [
    `digraph ${dotLabel(picture.name)} {`,
    '  compound=true; node [fontname="sans-serif"]; edge [fontname="sans-serif"]; graph [fontname="sans-serif"];',
    ...nested(picture, ({ id, name }) => `subgraph cluster_${id} { label=${dotLabel(name)}; style=dashed;`, '}', inside),
    // A transition back is laid out as if it went forwards, so that it stands between its two places.
    ...transitions.flatMap(({ id, from, to, isBack }) => (isBack ? [`  ${to} -> ${id} [dir=back];`, `  ${id} -> ${from} [arrowhead=none];`] : [`  ${from} -> ${id} [arrowhead=none];`, `  ${id} -> ${to};`])),
    ...ports.map(({ id, name, about, kind }) => `  ${id} [shape=box, style=filled, fillcolor="${isUsed(kind) ? '#ffffff' : '#d8dee4'}", label=${dotLabel(name, about)}];`),
    ...ports.flatMap(({ id, boundTo, kind }) => boundTo.map((element) => link(id, element, kind))),
    '}',
    '',
  ].join('\n');
}
