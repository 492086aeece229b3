import fc from 'fast-check';

/** `SEED=... RUNS=...` in the environment repeat a run; the seed is in the title of every property. */
export const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
export const runs = Number(process.env['RUNS'] ?? 1000);

/**
 * Draws from a list of numbers, 0 when it is used up. Generators that take the simplest choice for 0 shrink by themselves: fast-check
 * makes numbers smaller, and what they build gets simpler.
 */
export class Tape {
  readonly #numbers: readonly number[];
  #next = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** From 0 to `below - 1`. */
  draw(below: number): number {
    return below <= 1 ? 0 : (this.#numbers[this.#next++] ?? 0) % below;
  }

  between(min: number, max: number): number {
    return min + this.draw(max - min + 1);
  }

  /** True `percent` times in a hundred; 0 is false. */
  chance(percent: number): boolean {
    return this.draw(100) >= 100 - percent;
  }

  one<T>(of: readonly T[]): T {
    return of[this.draw(of.length)]!;
  }

  /** A tape of its own with what is left, from its beginning each time it is asked for. */
  rest(): Tape {
    return new Tape(this.#numbers.slice(this.#next));
  }

  some<T>(of: readonly T[], percent: number): T[] {
    return of.filter(() => this.chance(percent));
  }
}

const numbers = fc.array(fc.nat({ max: 9999 }), { minLength: 500, maxLength: 500 });

/** Whatever `build` makes of a tape, shown by its own `toString`. */
export function drawn<T>(build: (tape: Tape) => T): fc.Arbitrary<T> {
  return numbers.map((n) => build(new Tape(n)));
}

/** Asserts a property over `runs` cases from `seed`. */
export function holds<T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, (value) => predicate(value)), { seed, numRuns: runs });
}

/**
 * A test of the test: the property must fail under broken rules, and for the right reason. @throws when it does not
 * @param why what the failure must say
 */
export function isCaught<T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => void, why: RegExp): void {
  const tries = 20_000;
  const result = fc.check(fc.property(arbitrary, (value) => predicate(value)), { seed, numRuns: tries, endOnFailure: true });
  if (!result.failed) throw new Error(`the property holds under broken rules (seed ${seed}, ${tries} cases): it tests nothing`);
  const said = String((result.errorInstance as Error | undefined)?.message);
  if (!why.test(said)) throw new Error(`the broken rules are found out by something else (seed ${seed}): ${said}`, { cause: result.errorInstance });
}
