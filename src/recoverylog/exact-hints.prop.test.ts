/**
 * Exact hints on any history: every invariant of exact-hints.ts, with what the hints do not need taken away.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { liveLogSegments, type FsmHints } from './format/hints.ts';
import { GAPS_A_DOUBLING } from './stretches.ts';
import { OpLog, stateOf } from './testing/op-log.ts';

const PATHS = ['/a', '/b', '/c', '/d', '/e'] as const;
const paths = fc.constantFrom(...PATHS);
/** Around the least gap, and far from it. */
const lengths = fc.constantFrom(0, 128, 40_000, 70_000, 100_000, 300_000, 5_000_000);

type Step =
  | { readonly do: 'put' | 'write'; readonly path: string; readonly length: number }
  | { readonly do: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly do: 'unlink' | 'zombie'; readonly path: string }
  | { readonly do: 'property'; readonly path: string; readonly content: string }
  | { readonly do: 'handoff' | 'fork' | 'twice' | 'hints' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('put' as const, 'write' as const),
      path: paths,
      length: lengths,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('rename' as const, 'link' as const), path: paths, to: paths }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('unlink' as const), path: paths }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('property' as const),
      path: fc.constantFrom('/IDENTITY', '/OTHER'),
      content: fc.constantFrom('one', 'two', 'three'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('handoff' as const, 'hints' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fork' as const, 'twice' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('zombie' as const), path: paths }) },
);

/** Does a step; one that names no file, or a name that is taken, is none. */
function perform(log: OpLog, step: Step): void {
  const has = (path: string): boolean => log.fsm.links.has(path);
  if (step.do === 'put') {
    if (has(step.path)) log.unlink(step.path);
    log.create(step.path);
    log.write(step.path, step.length);
  } else if (step.do === 'property') {
    log.record({ property: { path: step.path, content: step.content } });
  } else if (step.do === 'handoff') log.handoff();
  else if (step.do === 'fork') log.handoff(`${log.log}-fork`);
  else if (step.do === 'twice') {
    if (log.ops.length > 0) log.append(log.ops.at(-1)!.op);
  } else if (!('path' in step) || !has(step.path)) return;
  else if (step.do === 'write') log.write(step.path, step.length);
  else if (step.do === 'unlink') log.unlink(step.path);
  else if (step.do === 'zombie') log.zombie(step.path);
  else if (step.do === 'link' && !has(step.to)) log.link(step.path, step.to);
  else if (step.do === 'rename' && log.fsm.links.get(step.to) !== log.fsm.links.get(step.path))
    log.rename(step.path, step.to);
}

const EMPTY: FsmHints = { log: 'test/log', liveNodes: [], properties: [] };

/** Operations that hints name. */
function named(hints: FsmHints): ReadonlySet<number> {
  const found = new Set<number>();
  for (const { firstSeqNo, lastSeqNo } of liveLogSegments(hints).segments)
    for (let seqNo = firstSeqNo; seqNo <= lastSeqNo; seqNo++) found.add(seqNo);
  return found;
}

/** A file with so many gaps, each hardly more than the least, and half-way into the next: what comes then meets a least gap that has grown, or will. */
function withGaps(log: OpLog, count: number): void {
  log.create('/a');
  const put = (): void => perform(log, { do: 'put', path: '/e', length: 70_000 });
  for (let gap = 0; gap < count; gap++) {
    put();
    log.write('/a', 1);
  }
  put();
}

interface Made {
  readonly hints: FsmHints;
  /** Last operation that its maker knew. */
  readonly last: number;
}

function checkAll(log: OpLog, made: readonly Made[]): void {
  const whole = stateOf(log.replay(EMPTY));
  const newest = log.fsm.buildHints(log.log);
  for (const { hints } of made) {
    const replayed = log.replay(hints);
    expect(stateOf(replayed)).toEqual(whole);
    expect(replayed.fsm.buildHints(log.log)).toEqual(newest); // E1
    expect(stateOf(log.replay(hints, 'gazette'))).toEqual(whole); // E3, E4
  }
  for (const [at, { hints, last }] of made.entries()) {
    const before = named(hints);
    for (const later of made.slice(at + 1))
      // E2
      expect([...named(later.hints)].filter((seqNo) => seqNo <= last && !before.has(seqNo))).toEqual([]);
  }
}

describe('hints of any moment of any history', () => {
  test("restore the state of the whole log under our rules and under Gazette's, with nothing there but what they need; whoever makes hints makes the same", () => {
    const stories = fc.array(steps, { minLength: 1, maxLength: 80, size: 'max' });
    const gaps = fc.constantFrom(0, 0, GAPS_A_DOUBLING - 2, GAPS_A_DOUBLING, 2 * GAPS_A_DOUBLING);
    fc.assert(
      fc.property(gaps, stories, (count, story) => {
        const log = new OpLog();
        const made: Made[] = [];
        if (count > 0) withGaps(log, count);
        for (const step of story) {
          perform(log, step);
          // Nobody makes hints of a journal in which nothing of the log is yet: a fork begins with a no-op.
          if (step.do === 'hints' && log.ops.length > 0)
            made.push({ hints: log.fsm.buildHints(log.log), last: log.fsm.nextSeqNo - 1 });
        }
        checkAll(log, made);
      }),
      { numRuns: 500 },
    );
  });
});
