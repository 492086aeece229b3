import { columnsOf } from './text.ts';

/** Characters that XML 1.0 has no way to write, escaped or not, lone surrogates among them. */
// oxlint-disable-next-line no-control-regex
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/gu;

/** Any text as XML character data or attribute value, whatever its characters. */
function escapeXml(text: string): string {
  return text
    .replace(unwritable, '\ufffd')
    .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element. Attribute values are escaped (numbers rounded to hundredths, undefined left out); `children` is markup already. */
export function element(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  let tag = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    tag += ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(value)}"`;
  }
  return children.length === 0 ? `${tag}/>` : `${tag}>${children.join('')}</${name}>`;
}

/** A text element at (x, y) on its baseline; `text` is escaped. */
export function label(text: string, x: number, y: number, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escapeXml(text));
}

/** What a pointer resting on the parent is told. */
export function tooltip(text: string): string {
  return element('title', {}, escapeXml(text));
}

/** A number as SVG text: no more than two decimals. */
function round(n: number): string {
  return String(Math.round(n * 100) / 100);
}

/** About how wide a text is in a sans-serif font, in pixels; on the wide side. */
export function textWidth(text: string, fontSize: number): number {
  return columnsOf(text) * fontSize * 0.6;
}

/** `text` cut to what fits in `widthPx`, with `…` where something is missing; a whole text when it fits. */
export function fitText(text: string, widthPx: number, fontSize: number): string {
  if (textWidth(text, fontSize) <= widthPx) return text;
  let kept = '';
  for (const character of text) {
    if (textWidth(`${kept}${character}…`, fontSize) > widthPx) break;
    kept += character;
  }
  return `${kept}…`;
}

/**
 * A whole document with its own background, so that it can be read on a light and on a dark page: it follows the reader's colour scheme.
 * `title` is what a screen reader says.
 */
export function svgDocument(options: { readonly width: number; readonly height: number; readonly title: string; readonly defs?: string; readonly style?: string }, ...children: readonly string[]): string {
  const { width, height } = options;
  return `${element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width: Math.ceil(width), height: Math.ceil(height), viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`, role: 'img', 'font-family': 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif' },
    `\n${tooltip(options.title)}`,
    `\n<style>${theme}${options.style ?? ''}</style>`,
    ...(options.defs ? [`\n<defs>${options.defs}</defs>`] : []),
    `\n${element('rect', { class: 'page', width: '100%', height: '100%' })}\n`,
    children.join('\n'),
    '\n',
  )}\n`;
}

const theme = `
.page{fill:#fff}.ink{fill:#1f2328}.soft{fill:#59636e}.line{stroke:#59636e}.grid{stroke:#d8dee4}.band{fill:#f6f8fa}.box{fill:#f6f8fa;stroke:#59636e}.on-colour{fill:#1f2328}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9198a1}.line{stroke:#9198a1}.grid{stroke:#2d333b}.band{fill:#161b22}.box{fill:#161b22;stroke:#9198a1}}
`;
