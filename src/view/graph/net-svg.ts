import { colourOf, type Colour } from '../palette.ts';
import { element, label, svgDocument, textWidth, tooltip } from '../svg.ts';
import { oneLine } from '../text.ts';
import { curve, layered, routes, type Placed } from './layered.ts';
import { isData, isUsed, type NetPicture } from './net-picture.ts';

const margin = 24;
const headHeight = 76;
const radius = 13;
const portGap = 36;
/** Between the component's border and what is inside, so that the lines of the ports have room to turn. */
const padding = 44;

type Port = NetPicture['ports'][number];
type Place = NetPicture['places'][number];

/** As a picture: from the first place downwards; ports that use on the left border, ports that provide on the right one. */
export function netSvg(picture: NetPicture): string {
  const { places, transitions, groups, ports } = picture;
  const colour = colourOf(picture.behaviours);
  // A transition back is laid out as if it went forwards, so that it stands between its two places.
  const edges = transitions.flatMap(({ id, from, to, isBack }) => (isBack ? [{ from: to, to: id }, { from: id, to: from }] : [{ from, to: id }, { from: id, to }]));
  const layout = layered({
    nodes: [
      ...groups.map(({ id, parent }) => ({ id, width: 0, height: 0, parent })),
      // The name stands at the right of the circle, which stays in the middle: arrows meet it there.
      ...places.map((place) => ({ id: place.id, width: 2 * (radius + 8 + placeTextWidth(place)), height: 2 * radius, parent: place.group })),
      ...transitions.map(({ id, name, group }) => ({ id, width: textWidth(name, 12) + 18, height: 22, parent: group })),
    ],
    edges: edges.map((edge) => ({ ...edge, width: 0, height: 0 })),
    direction: 'down', nodeGap: 24, layerGap: 26,
  });
  const circles = new Set(places.map(({ id }) => id));
  const drawn = (id: string): Placed => {
    const box = layout.nodes.get(id)!;
    return circles.has(id) ? { ...box, width: 1.2 * radius, height: 2 * radius } : box;
  };

  const left = ports.filter(({ kind }) => isUsed(kind));
  const right = ports.filter(({ kind }) => !isUsed(kind));
  const portsWidth = (side: readonly Port[]): number => Math.max(0, ...side.map(({ name, about }) => Math.max(textWidth(name, 13), textWidth(about, 11)))) + 20;
  const innerHeight = Math.max(layout.height, (Math.max(left.length, right.length) - 1) * portGap + 20);
  const body = { x: margin + portsWidth(left), y: headHeight, width: layout.width + 2 * padding, height: innerHeight + 48 };
  const net = { x: body.x + padding, y: body.y + 24 + (innerHeight - layout.height) / 2 };
  const at = (id: string): Placed => {
    const box = layout.nodes.get(id)!;
    return { ...box, x: box.x + net.x, y: box.y + net.y };
  };

  const paths = routes(edges, layout, drawn, 'down');
  const width = Math.max(body.x + body.width + portsWidth(right) + margin, textWidth(picture.name, 18) + 2 * margin, legendWidth(picture));
  return svgDocument(
    { width, height: body.y + body.height + margin, title: `${picture.name}: ${places.length} places, ${transitions.length} transitions, ${ports.length} ports`, defs: arrowHeads(picture, colour), style },
    label(oneLine(picture.name), margin, 32, { class: 'ink', 'font-size': 18, 'font-weight': 600 }),
    legend(picture, colour),
    element('rect', { class: 'box', ...body, rx: 14 }),
    ...groups.map((group) => enclosure(group.name, at(group.id))),
    ...left.length + right.length === 0 ? [] : [portLinks(left, body.x, -1), portLinks(right, body.x + body.width, 1)],
    element(
      'g', { transform: `translate(${net.x} ${net.y})` },
      ...transitions.flatMap((transition, i) => {
        const line = { fill: 'none', stroke: colour(transition.behaviour).line, 'stroke-width': 1.8 };
        const head = `url(#to${picture.behaviours.indexOf(transition.behaviour) + 1})`;
        return [
          element('path', { d: paths[2 * i]!, ...line, ...(transition.isBack ? { 'marker-start': head } : {}) }),
          element('path', { d: paths[2 * i + 1]!, ...line, ...(transition.isBack ? {} : { 'marker-end': head }) }),
        ];
      }),
    ),
    ...places.map((place) => circle(place, at(place.id))),
    ...transitions.map((transition) => pill(transition, at(transition.id), colour(transition.behaviour))),
    ...portSymbols(left, body.x, -1),
    ...portSymbols(right, body.x + body.width, 1),
  );

  /** Heights of the ports of one border: each as near as can be to what it is bound to, one below the other. */
  function heights(side: readonly Port[]): Map<string, number> {
    const wanted = side.map((port) => {
      const ys = port.boundTo.map((id) => at(id).y);
      return { id: port.id, y: ys.length === 0 ? body.y + body.height / 2 : ys.reduce((a, b) => a + b, 0) / ys.length };
    });
    const [top, bottom] = [body.y + 24, body.y + body.height - 24];
    const placed = wanted.toSorted((a, b) => a.y - b.y).map((port) => ({ ...port }));
    placed.forEach((port, i) => { port.y = Math.max(port.y, i === 0 ? top : placed[i - 1]!.y + portGap); });
    for (let i = placed.length - 1; i >= 0; i--) placed[i]!.y = Math.min(placed[i]!.y, i === placed.length - 1 ? bottom : placed[i + 1]!.y - portGap);
    return new Map(placed.map(({ id, y }) => [id, y]));
  }

  function portLinks(side: readonly Port[], x: number, out: 1 | -1): string {
    const ys = heights(side);
    return side.flatMap((port) =>
      port.boundTo.map((id) => {
        const box = at(id);
        const place = places.find((each) => each.id === id);
        const half = place === undefined ? box.width / 2 : out === 1 ? radius + 8 + placeTextWidth(place) : radius;
        return element('path', { class: `link ${isData(port.kind) ? 'data-link' : ''}`, d: curve([{ x, y: ys.get(port.id)! }, { x: box.x + out * half, y: box.y }], 'right'), 'marker-end': 'url(#bound)' });
      })).join('');
  }

  function portSymbols(side: readonly Port[], x: number, out: 1 | -1): string[] {
    const ys = heights(side);
    return side.map((port) => {
      const y = ys.get(port.id)!;
      const filled = isUsed(port.kind) ? 'hollow' : 'full';
      const text = { 'text-anchor': out === 1 ? 'start' : 'end' };
      return element(
        'g', {},
        tooltip(`${port.name}: ${port.about}`),
        isData(port.kind) ? element('rect', { class: filled, x: x - 6, y: y - 6, width: 12, height: 12 }) : element('circle', { class: filled, cx: x, cy: y, r: 7 }),
        label(oneLine(port.name), x + out * 13, y - 1, { class: 'ink', 'font-size': 13, ...text }),
        label(oneLine(port.about), x + out * 13, y + 12, { class: 'soft', 'font-size': 11, ...text }),
      );
    });
  }
}

function placeLines({ name, tags, choosesBy }: Place): string[] {
  return [oneLine(name), ...tags.map((tag) => `in ${oneLine(tag)}`), ...(choosesBy === undefined ? [] : [`by ${oneLine(choosesBy)}`])];
}

function placeTextWidth(place: Place): number {
  return Math.max(...placeLines(place).map((line, i) => textWidth(line, i === 0 ? 13 : 11)));
}

/** A circle with its name; a token in the initial one; a diamond for a switch. */
function circle(place: Place, { x, y }: Placed): string {
  const lines = placeLines(place);
  return element(
    'g', {},
    tooltip(`place ${place.name}${place.initial ? ', initial' : ''}${place.choosesBy === undefined ? '' : `, a switch by ${place.choosesBy}`}`),
    place.choosesBy === undefined
      ? element('circle', { class: 'place', cx: x, cy: y, r: radius })
      : element('path', { class: 'place', d: `M${x},${y - radius - 2} l${radius + 2},${radius + 2} l${-radius - 2},${radius + 2} l${-radius - 2},${-radius - 2} z` }),
    ...(place.initial ? [element('circle', { class: 'token', cx: x, cy: y, r: 5 })] : []),
    ...lines.map((line, i) => label(line, x + radius + 7, y + 4.5 + (i - (lines.length - 1) / 2) * 14, { class: i === 0 ? 'ink' : 'soft', 'font-size': i === 0 ? 13 : 11 })),
  );
}

function pill({ name, behaviour, dockSet }: NetPicture['transitions'][number], { x, y, width, height }: Placed, { fill, line }: Colour): string {
  return element(
    'g', {},
    tooltip(`transition ${name} (${behaviour})${dockSet === undefined ? '' : `, dock set ${dockSet}`}`),
    element('rect', { x: x - width / 2, y: y - height / 2, width, height, rx: height / 2, fill, stroke: line }),
    label(oneLine(name), x, y + 4, { class: 'on-colour', 'font-size': 12, 'text-anchor': 'middle' }),
  );
}

function enclosure(name: string, { x, y, width, height }: Placed): string {
  return element(
    'g', {},
    tooltip(`group ${name}`),
    element('rect', { class: 'group', x: x - width / 2, y: y - height / 2, width, height, rx: 10 }),
    label(oneLine(name), x - width / 2 + 10, y - height / 2 + 15, { class: 'soft', 'font-size': 12, 'font-style': 'italic' }),
  );
}

const keyWidth = (behaviour: string): number => 34 + textWidth(behaviour, 12);

function legendWidth({ behaviours }: NetPicture): number {
  return 2 * margin + behaviours.reduce((sum, behaviour) => sum + keyWidth(behaviour), 0);
}

function legend({ behaviours }: NetPicture, colour: (behaviour: string) => Colour): string {
  let x = margin;
  return behaviours
    .map((behaviour) => {
      const key = element('rect', { x, y: 45, width: 18, height: 12, rx: 6, fill: colour(behaviour).fill, stroke: colour(behaviour).line }) + label(oneLine(behaviour), x + 24, 55.5, { class: 'ink', 'font-size': 12 });
      x += keyWidth(behaviour);
      return key;
    })
    .join('');
}

function arrowHeads({ behaviours }: NetPicture, colour: (behaviour: string) => Colour): string {
  const dot = element('marker', { id: 'bound', viewBox: '-3 -3 6 6', markerWidth: 6, markerHeight: 6, markerUnits: 'userSpaceOnUse' }, element('circle', { class: 'bound', r: 2.2 }));
  return dot + behaviours
    .map((behaviour, i) => element('marker', { id: `to${i + 1}`, viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, orient: 'auto-start-reverse', markerUnits: 'userSpaceOnUse' }, element('path', { d: 'M0,1 L9,5 L0,9 z', fill: colour(behaviour).line })))
    .join('');
}

const style = `
.place{fill:#fff;stroke:#1f2328;stroke-width:1.6}.token{fill:#1f2328}.group{fill:none;stroke:#59636e;stroke-dasharray:6 4}
.link{fill:none;stroke:#8c959f;stroke-width:1;stroke-dasharray:1 3;stroke-linecap:round}.bound{fill:#8c959f}.data-link{stroke:#2f7de1;stroke-dasharray:5 3}
.hollow{fill:#fff;stroke:#1f2328;stroke-width:1.6}.full{fill:#1f2328;stroke:#1f2328}
@media (prefers-color-scheme:dark){.place,.hollow{fill:#0d1117;stroke:#e6edf3}.token,.full{fill:#e6edf3;stroke:#e6edf3}.group{stroke:#9198a1}}
`;
