/**
 * The demo as a sequence of acts on a stage, and its verdict.
 *
 * 1. Passed means: nothing acknowledged is lost, no read was stale, every fault's handoff is Completed, and so is every other handoff that
 *    the shards' status tells of.
 */
import type { Verdict } from '../harness/history.ts';
import { chooseShard, FAULTS, runFault, STORY, type FaultReport } from '../harness/faults.ts';
import type { Stage } from '../harness/stage.ts';
import { watchStory } from '../harness/watch-story.ts';
import type { Timeline } from './timeline.ts';

type Figures = Pick<
  FaultReport,
  'fault' | 'shard' | 'gapMs' | 'detectMs' | 'decideMs' | 'fenceMs' | 'serveMs'
>;

/** What `--json` writes. */
export interface DemoResult {
  readonly acknowledged: number;
  readonly lost: number;
  readonly staleReads: number;
  readonly handoffs: readonly Figures[];
}

/** The result, and whether it may be called a success. */
export interface Performance {
  readonly result: DemoResult;
  readonly passed: boolean;
}

/** Inflicts every fault on the shards in turn, then reads everything back. */
export async function perform(
  stage: Stage,
  shards: readonly string[],
  timeline: Timeline,
): Promise<Performance> {
  const endStory = await watchStory(stage.cluster, stage.installation, ({ by, shard, text }) =>
    timeline.tell(by, shard, text),
  );
  const reports: FaultReport[] = [];
  try {
    for (const [at, fault] of FAULTS.entries()) {
      const preferred = shards[at % shards.length]!;
      timeline.act(`${at + 1}/${FAULTS.length}  ${STORY[fault]}`);
      const shard = await chooseShard(fault, stage, preferred);
      const say = (text: string): void => timeline.tell('demo', shard, text);
      const report = await runFault(fault, { stage, shard, say });
      timeline.cost(report);
      reports.push(report);
    }
  } finally {
    endStory();
  }
  timeline.act(`kubectl describe shard ${shards[0]!}`);
  timeline.text(await stage.installation.describe(shards[0]!));
  return await judge(stage, reports, timeline);
}

async function judge(
  stage: Stage,
  reports: readonly FaultReport[],
  timeline: Timeline,
): Promise<Performance> {
  timeline.act('everything is read back through the API');
  const verdicts: Verdict[] = [];
  for (const [shard, workload] of stage.workloads) {
    const verdict = await workload.finish();
    verdicts.push(verdict);
    const { acknowledged, lost, reads, staleReads, lostExamples } = verdict;
    const which = lost === 0 ? '' : ` (such as ${lostExamples.join(', ')})`;
    timeline.tell(
      '',
      shard,
      `acknowledged ${acknowledged}, lost ${lost}${which}; ${reads} reads, ${staleReads} stale`,
    );
  }
  const unfinished = stage.installation
    .shards()
    .flatMap(({ metadata, status }) =>
      (status?.handoffs ?? []).map((handoff) => ({ shard: metadata.name, handoff })),
    )
    .filter(({ handoff }) => handoff.outcome !== 'Completed');
  for (const { shard, handoff } of unfinished)
    timeline.tell('', shard, `handoff of term ${handoff.term} to ${handoff.toPod} is ${handoff.outcome}`);
  const total = (of: (verdict: Verdict) => number): number =>
    verdicts.reduce((sum, each) => sum + of(each), 0);
  const result = {
    acknowledged: total((each) => each.acknowledged),
    lost: total((each) => each.lost),
    staleReads: total((each) => each.staleReads),
    handoffs: reports.map(figures),
  };
  timeline.text('');
  timeline.table(reports);
  timeline.text('');
  const passed =
    result.acknowledged > 0 && result.lost === 0 && result.staleReads === 0 && unfinished.length === 0;
  timeline.verdict(
    `acknowledged ${result.acknowledged}, lost ${result.lost}, stale reads ${result.staleReads}`,
    passed,
  );
  return { result, passed };
}

function figures({ fault, shard, gapMs, detectMs, decideMs, fenceMs, serveMs }: FaultReport): Figures {
  return { fault, shard, gapMs, detectMs, decideMs, fenceMs, serveMs };
}
