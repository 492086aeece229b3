import { oneLine } from '../text.ts';

/**
 * Any lines of text as a quoted Mermaid label. Written as entity codes is what Mermaid reads as something else: the quote, `#` and `;` (entity
 * codes), markup, backticks and asterisks (Markdown), `%` (directives), braces.
 */
export function mermaidLabel(...lines: readonly string[]): string {
  const text = lines.map((line) => oneLine(line).replace(/["#;&<>`*~\\%{}]/g, (c) => `#${c.codePointAt(0)};`)).join('<br/>');
  // An empty label is a syntax error.
  return `"${text || ' '}"`;
}

/** Any lines of text as a quoted DOT string: quotes, backslashes (which DOT reads as codes) and `&` (which it reads as an entity) are escaped. */
export function dotLabel(...lines: readonly string[]): string {
  return `"${lines.map((line) => oneLine(line).replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"')).join('\\n')}"`;
}
