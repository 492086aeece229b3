import { element, fitText, label, svgDocument, textWidth, tooltip } from '../svg.ts';
import { count, oneLine } from '../text.ts';
import type { AssemblyPicture, Box, Bundle } from './assembly-picture.ts';
import { layered, routes, type Placed, type Point } from './layered.ts';

const margin = 24;
const headHeight = 84;
const lineHeight = 15;
const shownLabels = 4;

/** As a picture: users left, providers right. */
export function assemblySvg(name: string, components: number, { boxes, bundles }: AssemblyPicture): string {
  const layout = layered({
    nodes: boxes.map((box) => ({ id: box.id, ...sizeOf(box) })),
    edges: bundles.map((bundle) => {
      const lines = linesOf(bundle);
      return { from: bundle.from, to: bundle.to, width: Math.max(...lines.map((line) => textWidth(line, 12))) + 10, height: lines.length * lineHeight + 4 };
    }),
    direction: 'right', nodeGap: 26, layerGap: 34,
  });
  const fronts = new Map(boxes.map((box) => [box.id, frontCard(box, layout.nodes.get(box.id)!)]));
  const drawn = boxes.length < components ? `, drawn as ${count(boxes.length, 'box').replace(/boxs$/, 'boxes')}` : '';
  const summary = `${count(components, 'component')}${drawn}`;
  const width = Math.max(layout.width + 2 * margin, 420, textWidth(name, 18) + 2 * margin);
  return svgDocument(
    { width, height: headHeight + layout.height + margin, title: `${name}: ${summary}`, defs: markers, style },
    label(oneLine(name), margin, 32, { class: 'ink', 'font-size': 18, 'font-weight': 600 }),
    label(summary, margin, 52, { class: 'soft', 'font-size': 13 }),
    legend(margin, 70),
    element(
      'g', { transform: `translate(${margin} ${headHeight})` },
      // Labels last: no line runs through a text.
      '\n', routes(bundles, layout, (id) => fronts.get(id)!, 'right').map((d, i) => arrow(bundles[i]!.kind, d)).join('\n'),
      '\n', boxes.map((box) => component(box, layout.nodes.get(box.id)!)).join('\n'),
      '\n', layout.edges.map((edge, i) => ports(bundles[i]!, edge.label)).join('\n'), '\n',
    ),
  );
}

function sizeOf({ name, type, host, count: n }: Box): { width: number; height: number } {
  const text = Math.max(textWidth(name, 14) * 1.08, textWidth(type, 12), textWidth(`on ${host}`, 12));
  // The cards behind the front one need room too.
  const extra = n > 1 ? 8 : 0;
  return { width: Math.min(320, Math.max(110, text + 28)) + extra, height: 66 + extra };
}

/** The card that is read, by its centre. */
function frontCard(box: Box, { x, y, width, height }: Placed): Placed {
  const extra = box.count > 1 ? 8 : 0;
  return { x: x - extra / 2, y: y + extra / 2, width: width - extra, height: height - extra };
}

function component(box: Box, place: Placed): string {
  const { x: middle, y, width, height } = frontCard(box, place);
  const front = { x: middle - width / 2, y: y - height / 2, width, height, rx: 8 };
  const cards = box.count === 1 ? [front] : [{ ...front, x: front.x + 8, y: front.y - 8 }, { ...front, x: front.x + 4, y: front.y - 4 }, front];
  const line = (text: string, dy: number, fontSize: number, more: Record<string, string | number>): string => label(fitText(oneLine(text), front.width - 16, fontSize), middle, front.y + dy, { 'font-size': fontSize, 'text-anchor': 'middle', ...more });
  return element(
    'g', {},
    tooltip(`${box.name}\n${box.type}\non ${box.host}`),
    ...cards.map((card) => element('rect', { class: 'box', ...card })),
    line(box.name, 22, 14, { class: 'ink', 'font-weight': 600 }),
    line(box.type, 40, 12, { class: 'soft' }),
    line(`on ${box.host}`, 56, 12, { class: 'soft' }),
  );
}

function linesOf({ labels }: Bundle): string[] {
  const names = labels.map(oneLine);
  return names.length <= shownLabels ? names : [...names.slice(0, shownLabels - 1), `… ${names.length - shownLabels + 1} more`];
}

function ports(bundle: Bundle, { x, y }: Point): string {
  const lines = linesOf(bundle);
  const top = y - (lines.length * lineHeight) / 2 + 11;
  const width = Math.max(...lines.map((line) => textWidth(line, 12)));
  return element(
    'g', {},
    tooltip(bundle.labels.join('\n')),
    element('rect', { class: 'page', x: x - width / 2, y: top - 12, width, height: lines.length * lineHeight }),
    ...lines.map((line, i) => label(line, x, top + i * lineHeight, { class: 'ink', 'font-size': 12, 'text-anchor': 'middle' })),
  );
}

function arrow(kind: Bundle['kind'], d: string): string {
  return element('path', { class: kind, d, 'stroke-dasharray': kind === 'data' ? '6 4' : undefined, 'marker-end': `url(#${kind})` });
}

function legend(x: number, y: number): string {
  const key = (kind: Bundle['kind'], text: string, at: number): string => arrow(kind, `M${at},${y - 4} h36`) + label(text, at + 44, y, { class: 'ink', 'font-size': 12 });
  return key('service', 'uses a service of', x) + key('data', 'uses data of', x + 170);
}

const markers = ['service', 'data']
  .map((kind) => element('marker', { id: kind, viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, orient: 'auto', markerUnits: 'userSpaceOnUse' }, element('path', { class: `${kind}-head`, d: 'M0.5,1 L9,5 L0.5,9 z' })))
  .join('');

const style = `
.service,.data{fill:none;stroke-width:1.4}.service{stroke:#59636e}.service-head{fill:#59636e;stroke:#59636e}.data{stroke:#2f7de1}.data-head{fill:#fff;stroke:#2f7de1}
@media (prefers-color-scheme:dark){.service{stroke:#9198a1}.service-head{fill:#9198a1;stroke:#9198a1}.data-head{fill:#0d1117}}
`;
