import type { Reporter, TestModule, Vitest } from 'vitest/node';

/**
 * Ends a run with `N passed, N failed`, which `.ci/run` adds up. A skip says why (the note given to `skip`); one that does not, and in CI every one,
 * counts as failed.
 */
export default class ClosingLine implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0, failed = 0;
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.errors().length > 0) failed++;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') passed++;
        else if (result.state === 'failed') failed++;
        else if (result.state === 'skipped') {
          // Left out by `-t`, not by itself.
          if (this.#isFiltered && !result.note) continue;
          if (process.env['CI'] || !result.note) failed++;
          skipped.push(`  ${test.fullName}: ${result.note ?? 'NO REASON GIVEN'}`);
        } else failed++;
      }
    }
    if (skipped.length > 0) console.log(`\n${skipped.length} skipped${process.env['CI'] ? ', which CI does not allow' : ''}:\n${skipped.join('\n')}`);
    console.log(`\n${passed} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
  }
}
