/**
 * What a failover costs a client: the longest pause between two acknowledged writes, fault by fault, on a real control plane with a real S3
 * server and real processes that die. The clients also record every acknowledged write, and everything is read back at the end: a figure
 * of a run that lost something is not a figure.
 *
 *   npm run bench -- failover [--rounds N] [--json FILE]
 *
 * Rounds go over the faults in turn, so that each meets the same moments of the machine, and over the shards in turn. Every few rounds
 * begin with a new installation: a log is not compacted yet, so a replacement standby reads all that was ever written before the next round.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { chooseShard, runFault, STORY, type FaultName, type FaultReport } from '../e2e/harness/faults.ts';
import type { Verdict } from '../e2e/harness/history.ts';
import { Stage } from '../e2e/harness/stage.ts';
import { ensureServers } from '../e2e/tools/servers.ts';
import { summarize, type Summary } from './support/stats.ts';

/** What is promised, client-seen write gap at p99, ms. */
const REACH: Readonly<Partial<Record<FaultName, number>>> = {
  'process-killed': 1_500,
  'node-silent': 6_000,
  'operator-and-primary': 15_000,
  switchover: 1_000,
};
const MEASURED = Object.keys(REACH) as FaultName[];
/** How finely a gap is timed, and what keeps two cores from measuring their own load. */
const WRITE_PAUSE_MS = 20;
/** More would mostly measure how long a standby needs to read a long log. */
const ROUNDS_PER_INSTALLATION = 4;
const FIGURES = ['gapMs', 'detectMs', 'decideMs', 'fenceMs', 'serveMs'] as const;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, json: { type: 'string' } },
});
const rounds = Number(values.rounds);

interface ShardVerdict extends Verdict {
  readonly shard: string;
}

async function inflict(stage: Stage, shards: readonly string[], round: number): Promise<FaultReport[]> {
  const reports: FaultReport[] = [];
  for (const fault of MEASURED) {
    const shard = await chooseShard(fault, stage, shards[round % shards.length]!);
    const report = await runFault(fault, { stage, shard, say: () => {} });
    reports.push(report);
    const steps = FIGURES.map((figure) => `${figure} ${report[figure] ?? '?'}`).join(' ');
    console.log(`${String(round + 1).padStart(3)} ${fault.padEnd(20)} ${shard.padEnd(8)} ${steps}`);
  }
  return reports;
}

/** Some rounds on an installation of their own, with the verdict on it. */
async function measure(
  from: number,
  to: number,
): Promise<{ readonly reports: readonly FaultReport[]; readonly verdicts: readonly ShardVerdict[] }> {
  const stage = await Stage.start();
  try {
    const { shards } = await stage.quickstart();
    await stage.work(shards, WRITE_PAUSE_MS);
    const reports: FaultReport[] = [];
    for (let round = from; round < to; round += 1) reports.push(...(await inflict(stage, shards, round)));
    const verdicts: ShardVerdict[] = [];
    for (const shard of shards) verdicts.push({ shard, ...(await stage.workload(shard).finish()) });
    return { reports, verdicts };
  } finally {
    await stage.stop();
  }
}

function summaries(reports: readonly FaultReport[], fault: FaultName): Record<string, Summary> {
  const own = reports.filter((report) => report.fault === fault);
  return Object.fromEntries(
    FIGURES.map((figure) => [figure, summarize(own.flatMap((report) => report[figure] ?? []))]),
  );
}

function table(faults: Readonly<Record<string, Record<string, Summary>>>): void {
  const rows = Object.entries(faults).map(([fault, of]) => {
    const gap = of['gapMs']!;
    const reach = REACH[fault as FaultName]!;
    const steps = FIGURES.slice(1).map((figure) => [`${figure} p50`, of[figure]!.p50]);
    const row = {
      rounds: gap.count,
      'gap p50': gap.p50,
      'gap p99': gap.p99,
      reach,
      reached: gap.p99 < reach,
    };
    return [STORY[fault as FaultName], { ...row, ...(Object.fromEntries(steps) as object) }];
  });
  console.table(Object.fromEntries(rows));
}

await ensureServers();
const reports: FaultReport[] = [];
const verdicts: ShardVerdict[] = [];
for (let round = 0; round < rounds; round += ROUNDS_PER_INSTALLATION) {
  const done = await measure(round, Math.min(rounds, round + ROUNDS_PER_INSTALLATION));
  reports.push(...done.reports);
  verdicts.push(...done.verdicts);
}
const faults = Object.fromEntries(MEASURED.map((fault) => [fault, summaries(reports, fault)]));
const total = (of: (verdict: Verdict) => number): number => verdicts.reduce((sum, each) => sum + of(each), 0);
const lost = total((each) => each.lost);
const staleReads = total((each) => each.staleReads);
console.log(
  `client-seen write gap, ${rounds} rounds a fault, three shards with one standby each, a write every ${WRITE_PAUSE_MS} ms and more; ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}; ms`,
);
table(faults);
console.log(
  `acknowledged ${total((each) => each.acknowledged)}, lost ${lost}; ${total((each) => each.reads)} reads, ${staleReads} stale`,
);
if (values.json !== undefined) {
  const result = { bench: 'failover', rounds, reach: REACH, faults, verdicts };
  await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
}
const missed = MEASURED.filter((fault) => faults[fault]!['gapMs']!.p99 >= REACH[fault]!);
process.exitCode = lost + staleReads > 0 || missed.length > 0 ? 1 : 0;
