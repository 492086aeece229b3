import type { Template } from './template.ts';

/**
 * A template that is a text for `/bin/sh`. Values never become part of that text: each name is replaced by a reference to an environment
 * variable, `TUTTI_1`, `TUTTI_2` …, quoted as its surroundings want it, and the shell does not read what a variable holds as a command. So a
 * hostile value stays data, whatever it holds.
 */
export interface ShellTemplate {
  readonly text: string;
  /** The name for which `TUTTI_<n + 1>` stands. */
  readonly names: readonly string[];
}

/** Why a name cannot stand where it does. */
export interface ShellProblem {
  readonly name: string;
  readonly why: string;
}

/** Where in the quoting of a shell a character stands. */
type Frame = 'plain' | 'single' | 'double' | 'comment' | 'parenthesis' | 'arithmetic' | 'backtick';

const problems: Partial<Record<Frame, string>> = {
  arithmetic: 'In $((…)) a shell may read a value as an expression. Give it to a variable first: x={{…}}.',
  backtick: 'Inside of `…` quotes are not reliable. Write $(…).',
};

/**
 * Puts references where the names are. A wrong guess about the quoting (an odd `case` inside of `$(…)`) could at worst split a value
 * into words; it can never run it.
 */
export function shellTemplate(template: Template): ShellTemplate | ShellProblem {
  const names: string[] = [];
  const frames: Frame[] = ['plain'];
  let text = '';
  let hereDocuments: { word: string; quoted: boolean; tabs: boolean }[] = [];
  let inside: (typeof hereDocuments)[number] | undefined;

  for (const part of template) {
    const frame = frames.at(-1)!;
    if (typeof part === 'object') {
      const known = names.indexOf(part.name);
      const reference = `\${TUTTI_${(known < 0 ? names.push(part.name) - 1 : known) + 1}}`;
      if (inside?.quoted) return { name: part.name, why: `The here-document is quoted ('${inside.word}'): nothing is replaced in it. Write <<${inside.word} without quotes, or place a file with "files".` };
      const problem = frames.map((f) => problems[f]).find((why) => why !== undefined);
      if (problem !== undefined) return { name: part.name, why: problem };
      text += inside || frame === 'double' ? reference : frame === 'single' ? `'"${reference}"'` : frame === 'comment' ? '' : `"${reference}"`;
      continue;
    }
    for (let i = 0; i < part.length; i++) {
      const c = part[i]!;
      text += c;
      if (inside) {
        if (c !== '\n') continue;
        const line = text.slice(text.lastIndexOf('\n', text.length - 2) + 1, -1);
        if ((inside.tabs ? line.replace(/^\t+/, '') : line) === inside.word) inside = hereDocuments.shift();
        continue;
      }
      const now = frames.at(-1)!;
      if (now === 'single') {
        if (c === "'") frames.pop();
        continue;
      }
      if (now === 'comment') {
        if (c !== '\n') continue;
        frames.pop();
      }
      if (c === '\\') {
        text += part[++i] ?? '';
        continue;
      }
      if (c === '`') {
        if (now === 'backtick') frames.pop();
        else frames.push('backtick');
      } else if (c === '$' && part.startsWith('$((', i)) {
        text += '((';
        i += 2;
        frames.push('arithmetic');
      } else if (c === '$' && part[i + 1] === '(') {
        text += '(';
        i += 1;
        frames.push('parenthesis');
      } else if (now === 'arithmetic') {
        if (c === ')' && part[i + 1] === ')') {
          text += ')';
          i += 1;
          frames.pop();
        }
      } else if (c === '"') {
        if (now === 'double') frames.pop();
        else frames.push('double');
      } else if (now === 'double') continue;
      else if (c === "'") frames.push('single');
      else if (c === '(') frames.push('parenthesis');
      else if (c === ')' && now === 'parenthesis') frames.pop();
      else if (c === '#' && /(^|[\s;&|()])$/.test(text.slice(0, -1).slice(-1))) frames.push('comment');
      else if (c === '<' && part[i + 1] === '<' && part[i + 2] !== '<' && part[i - 1] !== '<') {
        const word = /^<<(-?)[ \t]*(?:'([^'\n]*)'|"([^"\n]*)"|(\\?)([^\s;&|<>()'"]+))/.exec(part.slice(i));
        if (word) {
          text += word[0].slice(1);
          i += word[0].length - 1;
          hereDocuments.push({ word: word[2] ?? word[3] ?? word[5] ?? '', quoted: word[5] === undefined || word[4] !== '', tabs: word[1] === '-' });
        }
      } else if (c === '\n' && hereDocuments.length > 0) inside = hereDocuments.shift();
    }
  }
  return { text, names };
}
