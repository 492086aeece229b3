/**
 * The tree of names: contexts hold contexts and objects. Plain data in a JSON file that is replaced as a whole at each change, so that what
 * was answered with success is there after a restart.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** A refused operation, with the words of the naming service's exception. */
export class NamingError extends Error {}

const missingNode = () => new NamingError('NotFound exception: missing node');

export class Names {
  /** @type {{ [name: string]: { ior: string } | { context: object } }} */ #root;
  #file;

  constructor(file, root = {}) {
    this.#file = file;
    this.#root = root;
  }

  /** Throws when the file is not there or not the double's. */
  static read(file) {
    const { format, root } = JSON.parse(readFileSync(file, 'utf8'));
    if (format !== 1) throw new Error(`${file} is of another format`);
    return new Names(file, root);
  }

  save() {
    writeFileSync(`${this.#file}.new`, `${JSON.stringify({ format: 1, root: this.#root }, null, 1)}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  list(path) {
    return Object.entries(this.#context(split(path))).map(([name, entry]) => ('context' in entry ? `${name}/` : name));
  }

  resolve(path) {
    const { context, last } = this.#place(path);
    const entry = context[last];
    if (!entry || !('ior' in entry)) throw missingNode();
    return entry.ior;
  }

  bindNewContext(path) {
    this.#add(path, { context: {} });
  }

  bind(path, ior) {
    this.#add(path, { ior });
  }

  rebind(path, ior) {
    const { context, last } = this.#place(path);
    if (context[last] && 'context' in context[last]) throw new NamingError('NotFound exception: not an object');
    context[last] = { ior };
    this.save();
  }

  unbind(path) {
    const { context, last } = this.#place(path);
    if (!context[last]) throw missingNode();
    delete context[last];
    this.save();
  }

  #add(path, entry) {
    const { context, last } = this.#place(path);
    if (context[last]) throw new NamingError('AlreadyBound exception');
    context[last] = entry;
    this.save();
  }

  #place(path) {
    const names = split(path);
    const last = names.pop();
    if (last === undefined) throw new NamingError('InvalidName exception');
    return { context: this.#context(names), last };
  }

  #context(names) {
    return names.reduce((context, name) => {
      const entry = context[name];
      if (!entry || !('context' in entry)) throw missingNode();
      return entry.context;
    }, this.#root);
  }
}

const split = (path) => path.split('/').filter((name) => name !== '');
