import { readFileSync } from 'node:fs';

/**
 * Reads DIET's configuration syntax: `key = value`, `#` begins a comment, all white space goes, the first definition of a key wins,
 * unknown keys are kept and harm nobody.
 * @param {string} text
 * @returns {Map<string, string>}
 */
export function parseConfiguration(text) {
  const values = new Map();
  for (const line of text.split('\n')) {
    const bare = line.replace(/#.*/, '').replace(/\s+/g, '');
    const at = bare.indexOf('=');
    if (at > 0 && !values.has(bare.slice(0, at))) values.set(bare.slice(0, at), bare.slice(at + 1));
  }
  return values;
}

/** As `parseConfiguration`, from a file; a file that cannot be read ends the process as DIET does. */
export function readConfiguration(file) {
  try {
    return parseConfiguration(readFileSync(file, 'utf8'));
  } catch {
    fail(1, `DIET ERROR: could not open ${file}.`);
  }
}

/** Says why on standard error and ends the process. */
export function fail(exitCode, message) {
  console.error(message);
  process.exit(exitCode);
}
