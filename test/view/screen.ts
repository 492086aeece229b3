import type { Terminal } from '../../src/view/live.ts';

/** A terminal of the simplest kind: it understands what the live view writes, refuses everything else, and shows what stands where. */
export class Screen implements Terminal {
  columns: number;
  rows: number;
  writableNeedDrain = false;
  readonly writes: string[] = [];
  cursorShown = true;
  alternate = false;
  #lines: string[] = [];
  #main = '';
  #row = 0;
  readonly #listeners = new Set<() => void>();

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  /** Lines of the alternate screen without empty ones at the end. */
  get lines(): string[] {
    const last = this.#lines.findLastIndex((line) => line !== '' && line !== undefined);
    return Array.from({ length: last + 1 }, (_, i) => this.#lines[i] ?? '');
  }

  /** What stands on the main screen. */
  get main(): string {
    return this.#main;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  write(text: string): boolean {
    this.writes.push(text);
    // oxlint-disable-next-line no-control-regex
    for (const [, parameters = '', command = '', plain = ''] of text.matchAll(/\u001b\[([?\d;]*)([A-Za-z])|([^\u001b]+)/g)) {
      if (plain !== '') this.#text(plain);
      else this.#control(parameters, command);
    }
    return !this.writableNeedDrain;
  }

  #text(text: string): void {
    if (this.alternate) this.#lines[this.#row] = (this.#lines[this.#row] ?? '') + text;
    else this.#main += text;
  }

  #control(parameters: string, command: string): void {
    switch (`${parameters}${command}`) {
      case '?1049h': this.alternate = true; return;
      case '?1049l': this.alternate = false; return;
      case '?25l': this.cursorShown = false; return;
      case '?25h': this.cursorShown = true; return;
      case '?7l': case '?7h': case '?2026h': case '?2026l': return;
      case '2J': this.#lines = []; return;
      case '2K': this.#lines[this.#row] = ''; return;
      case 'J': this.#lines.length = this.#row; return;
      default:
    }
    if (command === 'H') {
      this.#row = Number(parameters.split(';')[0]) - 1;
      if (this.#row >= this.rows) throw new Error(`line ${this.#row + 1} of ${this.rows}`);
    } else if (command !== 'm') throw new Error(`unknown control ${parameters}${command}`);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows });
    for (const listener of this.#listeners) listener();
  }

  on(_: 'resize', listener: () => void): void {
    this.#listeners.add(listener);
  }

  off(_: 'resize', listener: () => void): void {
    this.#listeners.delete(listener);
  }
}
