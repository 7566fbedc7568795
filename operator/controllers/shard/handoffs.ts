/**
 * The records of handoffs in Shard.status: what was decided on which evidence, how long each step took, how it ended.
 *
 * H1  A record is written together with the assignment it is about, in one compare-and-set: there is none without the other.
 * H2  The steps follow each other and add up to the total: detect (first sign, or request, to decision), decide (decision to accepted assignment), fence and
 *     replay (as the new primary measured them), serve (the rest, until it was heard serving). Durations only, from this process's own
 *     monotonic clock; a step that nobody who is alive has measured is left out.
 * H3  An outcome is final. At most one record is in progress: that of the current term.
 */
import type { Handoff, HeartbeatLine } from '../../../src/api/index.ts';
import { describeEvidence, findPrimary, type FailoverDecision, type ShardView } from '../../plan/index.ts';
import type { HandoffMemory } from './memory.ts';

/** What a new primary measured of its own promotion. */
export type MeasuredSteps = NonNullable<HeartbeatLine['handoff']>;

export type Promotion = Extract<FailoverDecision, { kind: 'promote' }>;

/** Kept in the status (DESIGN §5.1). */
const KEPT = 10;
/** Schema limit of the evidence. */
const MAX_EVIDENCE = 2048;

/** The records with one more, of a promotion decided just now (H1). */
export function recordStart(
  records: readonly Handoff[],
  promotion: Promotion,
  detectMs: number | undefined,
  startedAt: string,
): readonly Handoff[] {
  const { term, pod, from, reason, evidence } = promotion;
  const text = describeEvidence(evidence);
  const record: Handoff = {
    term,
    toPod: pod,
    reason,
    evidence: text.length <= MAX_EVIDENCE ? text : `${text.slice(0, MAX_EVIDENCE - 1)}…`,
    startedAt,
    outcome: 'InProgress',
    ...(from === undefined ? {} : { fromPod: from }),
    ...(detectMs === undefined ? {} : { detectMs: whole(detectMs) }),
  };
  const finding = evidence.primary?.finding.kind;
  const failed = finding === 'gone' || finding === 'stuck' || finding === 'quiet' || finding === 'leaving';
  const ended = records.map((r) =>
    r.outcome === 'InProgress' ? end(r, failed ? 'Failed' : 'Superseded') : r,
  );
  return [...ended, record].slice(-KEPT);
}

/** The records after a look at the world: what was in progress may have ended (H3). `steps`: from the assigned primary's last line. */
export function recordProgress(
  records: readonly Handoff[],
  view: ShardView,
  memory: HandoffMemory | undefined,
  steps: MeasuredSteps | undefined,
): readonly Handoff[] {
  const { assignment } = view;
  if (!assignment || !records.some((r) => r.outcome === 'InProgress')) return records;
  const finding = findPrimary(view, assignment).kind;
  return records.map((record) => {
    if (record.outcome !== 'InProgress') return record;
    if (record.term !== assignment.term) return end(record, 'Superseded');
    if (finding === 'gone') return end(record, 'Failed');
    return finding === 'serving' ? completed(record, view.nowMs, memory, steps) : record;
  });
}

function completed(
  record: Handoff,
  nowMs: number,
  memory: HandoffMemory | undefined,
  steps: MeasuredSteps | undefined,
): Handoff {
  const own = steps?.term === record.term ? steps : undefined;
  const fenceMs = own && whole(own.fenceMs);
  const replayMs = own && whole(own.replayMs);
  const measured = memory?.term === record.term ? memory : undefined;
  return {
    ...end(record, 'Completed'),
    ...(fenceMs === undefined ? {} : { fenceMs }),
    ...(replayMs === undefined ? {} : { replayMs }),
    ...(measured
      ? {
          decideMs: whole(measured.assignedAtMs - measured.decidedAtMs),
          serveMs: whole(nowMs - measured.assignedAtMs - (fenceMs ?? 0) - (replayMs ?? 0)),
          totalMs: whole(nowMs - (measured.signAtMs ?? measured.decidedAtMs)),
        }
      : {}),
  };
}

function end(record: Handoff, outcome: Handoff['outcome']): Handoff {
  return { ...record, outcome };
}

function whole(ms: number): number {
  return Math.max(0, Math.round(ms));
}

/** The durations of a record in words, for events. */
export function describeSteps(record: Handoff): string {
  const steps = [
    ['detect', record.detectMs],
    ['decide', record.decideMs],
    ['fence', record.fenceMs],
    ['replay', record.replayMs],
    ['serve', record.serveMs],
  ] as const;
  const known = steps.filter(([, ms]) => ms !== undefined).map(([name, ms]) => `${name} ${ms} ms`);
  const total = record.totalMs === undefined ? '' : `${record.totalMs} ms in all`;
  return [total, known.join(', ')].filter((part) => part !== '').join(': ');
}
