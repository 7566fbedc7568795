/**
 * npm run vectors -- DIR: runs every vector of a directory laid out like e2e/golden, prints a line for each category and, last,
 * `N passed, N failed`. The exit code is 0 when there were vectors and none failed.
 */
import { describe, runVectors } from './run.ts';

const [dir, ...rest] = process.argv.slice(2);
if (dir === undefined || rest.length > 0) {
  console.error('usage: npm run vectors -- DIR    (a directory laid out like e2e/golden)');
  process.exitCode = 2;
} else {
  let passed = 0;
  let failed = 0;
  for await (const outcome of runVectors(dir)) {
    console.log(describe(outcome));
    passed += outcome.tally.passed;
    failed += outcome.tally.failed;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
