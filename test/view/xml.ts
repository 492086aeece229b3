/** What a well-formed document says: its elements and its text, checked as strictly as the tests of SVG need (no DTD, no CDATA, no comments). */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: (XmlElement | string)[];
}

const name = '[A-Za-z_][\\w:.-]*';
const token = new RegExp(`<(${name})((?:\\s+${name}="[^"<]*")*)\\s*(/?)>|</(${name})>|([^<]+)`, 'gy');

/** @throws Error at the first place that is not well formed */
export function parseXml(text: string): XmlElement {
  const root: XmlElement = { name: '', attributes: new Map(), children: [] };
  const open: XmlElement[] = [root];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) throw new Error(`not well formed: ${text.slice(at, at + 80)}`);
    const [, tag, attributes = '', closed, ended, data] = match;
    if (tag !== undefined) {
      const pairs = [...attributes.matchAll(new RegExp(`(${name})="([^"]*)"`, 'g'))].map(([, key, value]) => [key!, unescape(value!)] as const);
      if (new Set(pairs.map(([key]) => key)).size !== pairs.length) throw new Error(`attribute twice: ${match[0]}`);
      const element = { name: tag, attributes: new Map(pairs), children: [] };
      open.at(-1)!.children.push(element);
      if (closed === '') open.push(element);
    } else if (ended !== undefined) {
      if (open.pop()!.name !== ended) throw new Error(`</${ended}> closes nothing`);
    } else {
      open.at(-1)!.children.push(unescape(data!));
    }
  }
  if (open.length !== 1) throw new Error(`<${open.at(-1)!.name}> is not closed`);
  const elements = root.children.filter((child) => typeof child !== 'string');
  if (elements.length !== 1) throw new Error('not one root');
  return elements[0]!;
}

function unescape(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/u.test(text)) throw new Error('a character that XML cannot hold');
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return text.replace(/&([^;]*;?)/g, (_, entity: string) => {
    const character = entity.endsWith(';') ? entities[entity.slice(0, -1)] : undefined;
    if (character === undefined) throw new Error(`unknown entity &${entity}`);
    return character;
  });
}

/** All elements with this name, wherever they are. */
export function all(element: XmlElement, wanted: string): XmlElement[] {
  return element.children.flatMap((child) => (typeof child === 'string' ? [] : [...(child.name === wanted ? [child] : []), ...all(child, wanted)]));
}

/** The text inside, without tooltips and styles. */
export function texts(element: XmlElement): string[] {
  return all(element, 'text').map((text) => text.children.join(''));
}
