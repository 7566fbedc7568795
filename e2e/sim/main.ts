/**
 * The simulations from the command line: `--seeds N` runs, from `--seed S` on; prints every failing seed and how to replay it.
 */
import { parseArgs } from 'node:util';
import { simulateJournal } from './journal.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    'fail-fast': { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
const totals = {
  acknowledged: 0,
  refused: 0,
  unknown: 0,
  sessions: 0,
  fenced: 0,
  compacting: 0,
  reads: 0,
  leaps: 0,
  fillers: 0,
  orphans: 0,
  compressed: 0,
  virtualMs: 0,
};
let failures = 0;
for (let seed = first; seed < first + count; seed++) {
  try {
    const run = await simulateJournal(seed);
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += run[key];
    if (values.verbose) console.log(JSON.stringify(run));
  } catch (error) {
    failures++;
    console.error(error instanceof Error ? error.message : error);
    if (values.verbose) console.error(error);
    if (values['fail-fast']) break;
  }
}
console.log(
  `${count} seeds, ${failures} failed; ${totals.sessions} sessions (${totals.fenced} fenced, ${totals.compacting} compacted), ${totals.acknowledged} records acknowledged, ` +
    `${totals.leaps} leap fences (${totals.orphans} orphans), ${totals.fillers} fillers, ${totals.refused} refused, ${totals.unknown} unknown, ${totals.reads} reads, ` +
    `${totals.compressed} slots compressed, ${(totals.virtualMs / 3_600_000).toFixed(0)} virtual hours`,
);
process.exitCode = failures === 0 ? 0 : 1;
