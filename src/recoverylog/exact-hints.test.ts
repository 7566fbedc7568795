/**
 * Exact hints story by story; every history at once is in exact-hints.prop.test.ts.
 */
import { describe, expect, test } from '@jest/globals';
import { encodeHintsJson, liveLogSegments, parseHints, type FsmHints } from './format/hints.ts';
import { neededByHints } from './needs.ts';
import { GAPS_A_DOUBLING, LEAST_GAP_BYTES } from './stretches.ts';
import { OpLog, stateOf } from './testing/op-log.ts';

const MIB = 1024 * 1024;
const EMPTY: FsmHints = { log: 'test/log', liveNodes: [], properties: [] };

function stored(hints: FsmHints): FsmHints {
  return parseHints(encodeHintsJson(hints));
}

/** Bytes of the log that hints need. */
function neededBytes(log: OpLog, hints: FsmHints): number {
  const { ranges } = neededByHints(log.log, encodeHintsJson(hints));
  return ranges.reduce((sum, { begin, end }) => sum + Math.min(end, log.end) - begin, 0);
}

/** A file that is written, replaced by the next one, and so on: all but the last is dead. */
function churn(log: OpLog, files: number, bytes: number): void {
  for (let file = 0; file < files; file++) {
    log.create('/next');
    log.write('/next', bytes);
    log.rename('/next', '/current');
  }
}

describe('a file that lives long and is appended rarely', () => {
  function manifest(): OpLog {
    const log = new OpLog();
    log.create('/MANIFEST');
    for (let round = 0; round < 5; round++) {
      churn(log, 10, MIB);
      log.write('/MANIFEST', 100);
    }
    return log;
  }

  test('does not pin what was written between its appends', () => {
    const log = manifest();
    const hints = stored(log.fsm.buildHints(log.log));
    expect(neededBytes(log, hints)).toBeLessThan(1.1 * MIB); // the last state, and a few operations
    expect(neededBytes(log, log.fsm.buildHints(log.log, 'gazette'))).toBeGreaterThan(49 * MIB);
    expect(stateOf(log.replay(hints))).toEqual(stateOf(log.replay(EMPTY)));
    expect(stateOf(log.replay(hints, 'gazette'))).toEqual(stateOf(log.replay(EMPTY)));
  });

  test('has its appends one by one in the hints, and every other file its one segment', () => {
    const log = manifest();
    const [oldest, ...others] = log.fsm.buildHints(log.log).liveNodes;
    expect(oldest!.fnode).toBe(1);
    expect(oldest!.segments).toHaveLength(5); // its create, and four appends; the fifth lies behind the newest create
    expect(others.map(({ segments }) => segments.length)).toEqual([1]);
  });

  test('has no more segments than the logarithm of the log allows, and those of the largest gaps', () => {
    const log = new OpLog();
    log.create('/MANIFEST');
    for (let round = 0; round < 1000; round++) {
      churn(log, 1, round === 900 ? 1000 * MIB : MIB);
      log.write('/MANIFEST', 100);
    }
    const hints = log.fsm.buildHints(log.log);
    const doublings = Math.log2(log.end / LEAST_GAP_BYTES);
    expect(liveLogSegments(hints).segments.length).toBeLessThan(GAPS_A_DOUBLING * doublings);
    expect(liveLogSegments(hints).segments.length).toBeGreaterThan(4 * GAPS_A_DOUBLING);
    expect(neededBytes(log, hints)).toBeLessThan(1000 * MIB);
  });
});

test('E2: a gap that older hints left out is not closed by a file whose least gap has grown', () => {
  const log = new OpLog();
  log.create('/a');
  for (let gap = 0; gap <= GAPS_A_DOUBLING; gap++) {
    churn(log, 1, LEAST_GAP_BYTES + 10_000);
    log.write('/a', 1);
  }
  const opened = log.fsm.nextSeqNo;
  churn(log, 1, LEAST_GAP_BYTES + 10_000);
  log.unlink('/current');
  log.create('/guard');
  const names = (hints: FsmHints): boolean =>
    liveLogSegments(hints).segments.some((s) => s.firstSeqNo <= opened && opened <= s.lastSeqNo);
  const before = names(log.fsm.buildHints(log.log));
  log.write('/a', 1);
  expect([before, names(log.fsm.buildHints(log.log))]).toEqual([true, true]);
});

describe('E3', () => {
  test('a journal file that comes and goes with each transaction leaves a hint of its last create, and no phantom', () => {
    const log = new OpLog();
    log.create('/db');
    for (let transaction = 0; transaction < 20; transaction++) {
      log.create('/db-journal');
      log.write('/db-journal', MIB);
      log.write('/db', 4096);
      log.unlink('/db-journal');
    }
    const hints = stored(log.fsm.buildHints(log.log));
    expect(hints.liveNodes.map(({ fnode }) => fnode)).toEqual([1, log.fsm.nextSeqNo - 4]);
    expect(neededBytes(log, hints)).toBeLessThan(1.2 * MIB); // the last transaction, and what was written to the database
    for (const rules of ['holdfast', 'gazette'] as const)
      expect(stateOf(log.replay(hints, rules))).toEqual(stateOf(log.replay(EMPTY)));
  });

  test('when every file is gone, hints still say where to begin', () => {
    const log = new OpLog();
    churn(log, 100, MIB);
    log.unlink('/current');
    const hints = stored(log.fsm.buildHints(log.log));
    expect(neededBytes(log, hints)).toBeLessThan(1.1 * MIB);
    for (const rules of ['holdfast', 'gazette'] as const)
      expect(stateOf(log.replay(hints, rules))).toEqual(stateOf(log.replay(EMPTY)));
  });

  test('hints by Gazette with a hole behind the newest create: nothing more is left out until there is another create', () => {
    const log = new OpLog('gazette');
    log.create('/db');
    churn(log, 3, MIB);
    log.unlink('/current');
    log.handoff();
    churn(log, 3, MIB);
    log.unlink('/current');
    log.write('/db', 10);
    const gazette = log.fsm.buildHints(log.log);
    const { fsm } = log.replay(gazette);
    expect(liveLogSegments(fsm.buildHints(log.log)).segments).toEqual(liveLogSegments(gazette).segments);
  });
});

describe('a fork to another journal', () => {
  test('gives hints that load before any file has changed there; Gazette cannot load its own', () => {
    const log = new OpLog();
    log.create('/a');
    log.write('/a', 10);
    log.handoff('test/fork');
    const hints = stored(log.fsm.buildHints(log.log));
    expect(liveLogSegments(hints).segments.map((segment) => segment.log)).toEqual(['test/log', 'test/fork']);
    expect(stateOf(log.replay(hints))).toEqual(stateOf(log.replay(EMPTY)));
    expect(() => stored(log.fsm.buildHints(log.log, 'gazette'))).toThrow(/last segment is of test\/log/);
  });

  test('gives hints of both journals, with ends that are known: what follows in the other one is no contradiction', () => {
    const log = new OpLog();
    log.create('/a');
    log.handoff('test/fork');
    log.write('/a', 10);
    for (const form of ['exact', 'gazette'] as const) {
      const hints = stored(log.fsm.buildHints(log.log, form));
      expect(stateOf(log.replay(hints))).toEqual(stateOf(log.replay(EMPTY)));
    }
  });
});
