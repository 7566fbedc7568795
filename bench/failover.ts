/**
 * What a failover costs a client: the longest pause between two acknowledged writes, fault by fault, on a real control plane with a real S3
 * server and real processes that die. The clients also record every acknowledged write, and everything is read back at the end: a figure
 * of a run that lost something is not a figure.
 *
 *   npm run bench -- failover [--rounds N] [--json FILE]
 *
 * Rounds go over the faults in turn, so that each meets the same moments of the machine, and over the shards in turn.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { chooseShard, runFault, STORY, type FaultName, type FaultReport } from '../e2e/harness/faults.ts';
import { Stage } from '../e2e/harness/stage.ts';
import { ensureServers } from '../e2e/tools/servers.ts';
import { summarize, type Summary } from './stats.ts';

/** What is promised, client-seen write gap at p99, ms. */
const REACH: Readonly<Partial<Record<FaultName, number>>> = {
  'process-killed': 1_500,
  'node-silent': 6_000,
  'operator-and-primary': 15_000,
  switchover: 1_000,
};
const MEASURED = Object.keys(REACH) as FaultName[];
const FIGURES = ['gapMs', 'detectMs', 'decideMs', 'fenceMs', 'serveMs'] as const;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, json: { type: 'string' } },
});
const rounds = Number(values.rounds);

async function measure(stage: Stage, shards: readonly string[]): Promise<FaultReport[]> {
  const reports: FaultReport[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const fault of MEASURED) {
      const shard = await chooseShard(fault, stage, shards[round % shards.length]!);
      const report = await runFault(fault, { stage, shard, say: () => {} });
      reports.push(report);
      const steps = FIGURES.map((figure) => `${figure} ${report[figure] ?? '?'}`).join(' ');
      console.log(`${String(round + 1).padStart(3)} ${fault.padEnd(20)} ${shard.padEnd(8)} ${steps}`);
    }
  }
  return reports;
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
const stage = await Stage.start({ say: (text) => console.log(text) });
try {
  const { shards } = await stage.quickstart();
  await stage.work(shards);
  const reports = await measure(stage, shards);
  const verdicts = [];
  for (const shard of shards) verdicts.push({ shard, ...(await stage.workload(shard).finish()) });
  const faults = Object.fromEntries(MEASURED.map((fault) => [fault, summaries(reports, fault)]));
  console.log(
    `client-seen write gap, ${rounds} rounds a fault, ${shards.length} shards with one standby each; ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}; ms`,
  );
  table(faults);
  for (const { shard, acknowledged, lost, reads, staleReads } of verdicts)
    console.log(`${shard}: acknowledged ${acknowledged}, lost ${lost}; ${reads} reads, ${staleReads} stale`);
  const broken = verdicts.some(({ lost, staleReads }) => lost + staleReads > 0);
  const missed = MEASURED.some((fault) => faults[fault]!['gapMs']!.p99 >= REACH[fault]!);
  if (values.json !== undefined) {
    const result = { bench: 'failover', rounds, reach: REACH, faults, verdicts };
    await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  process.exitCode = broken || missed ? 1 : 0;
} finally {
  await stage.stop();
}
