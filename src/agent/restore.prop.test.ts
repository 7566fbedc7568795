/**
 * Any hints over any log, with players that fail as a log of that kind makes them fail: what is restored is restorable and as far as anybody knows the log to
 * go; what is not is refused with every reason; nothing is tried that cannot help.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createMetrics, type HoldfastError, silentLogger, utf8 } from '../base/index.ts';
import { DataLossError } from '../journal/index.ts';
import type { HintsRead } from '../persistence/index.ts';
import { encodeHintsJson, HistoryLostError, type FsmHints } from '../recoverylog/index.ts';
import { FollowedDirectory } from './followed-directory.ts';
import { candidatesOf, type Candidate } from './restore-candidates.ts';
import { restore, type RestoringPlayer, type RestoreReport } from './restore.ts';

const LOG = 'default/s';

/** A log as a restore meets it. */
interface Truth {
  readonly head: number;
  /** Content before it is pruned. */
  readonly prunedTo: number;
  /** This byte is damaged. */
  readonly damagedAt: number | undefined;
}

type Slot = 'absent' | 'garbage' | 'foreign' | { readonly begin: number; readonly bytes: number };

const offset = fc.integer({ min: 0, max: 1000 });
const slot: fc.Arbitrary<Slot> = fc.oneof(fc.constantFrom<Slot>('absent', 'garbage', 'foreign'), {
  weight: 4,
  arbitrary: fc.record({ begin: offset, bytes: fc.integer({ min: 1, max: 100 }) }),
});
const truth: fc.Arbitrary<Truth> = fc.record({
  head: fc.integer({ min: 200, max: 1500 }),
  prunedTo: fc.oneof(fc.constant(0), offset),
  damagedAt: fc.option(offset, { nil: undefined }),
});

function hintsOf({ begin, bytes }: { begin: number; bytes: number }, log = LOG): FsmHints {
  const place = { firstOffset: begin, lastOffset: begin + bytes };
  const segment = {
    author: 7,
    firstSeqNo: 1 + begin,
    firstChecksum: 0,
    lastSeqNo: 1 + begin,
    ...place,
    log: '',
  };
  return { log, liveNodes: [{ fnode: 1 + begin, segments: [segment] }], properties: [] };
}

function readOf(of: Slot): HintsRead {
  if (of === 'absent') return { kind: 'absent' };
  const stored = (value: Uint8Array): HintsRead => ({ kind: 'value', value, term: 1, writtenAt: '' });
  if (of === 'garbage') return stored(utf8('{'));
  return stored(
    encodeHintsJson(of === 'foreign' ? hintsOf({ begin: 1, bytes: 5000 }, 'default/other') : hintsOf(of)),
  );
}

/** How a player from byte `from` that names bytes up to `named` fails; undefined when it does not. */
function failureAt(
  { head, prunedTo, damagedAt }: Truth,
  from: number,
  named: number,
): HoldfastError | undefined {
  if (from < prunedTo) return new HistoryLostError(LOG, 'p', 'pruned');
  if (damagedAt !== undefined && damagedAt >= from && damagedAt < head)
    return new DataLossError(LOG, damagedAt, damagedAt + 1, 'e');
  return named > head ? new HistoryLostError(LOG, 'p', 'ends-early') : undefined;
}

const namedBy = ({ hints }: Candidate): number => hints?.liveNodes[0]?.segments[0]?.lastOffset ?? 0;

function playerOf(of: Truth, candidate: Candidate): RestoringPlayer {
  const failure = failureAt(of, candidate.openFrom, namedBy(candidate));
  const live = {
    resolve: () => undefined,
    paths: () => [`/${candidate.from}`],
    subscribe: () => () => undefined,
  };
  const progress = { headOffset: of.head, appliedOps: 1, appliedOffset: 0 } as RestoringPlayer['progress'];
  return {
    live,
    progress,
    tailing: failure ? new Promise(() => undefined) : Promise.resolve(),
    run: (signal) =>
      failure
        ? Promise.reject(failure)
        : new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
  };
}

test('a restore ends with the first hints that lead to the known end of the log, or with every reason why not', async () => {
  const outcomes = { restored: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.tuple(slot, slot, slot), truth, async ([primary, newer, older], log) => {
      const reads = { primary: readOf(primary), 'backup-0': readOf(newer), 'backup-1': readOf(older) };
      const candidates = candidatesOf(LOG, reads, true);
      const reach = Math.max(0, ...candidates.all.map(namedBy));
      const isWhole = (each: Candidate): boolean =>
        failureAt(log, each.openFrom, namedBy(each)) === undefined;
      const directory = new FollowedDirectory();
      const over = new AbortController();
      const tried: Candidate[] = [];
      let report: RestoreReport | undefined;
      const restoring = restore(
        {
          name: LOG,
          look: () => Promise.resolve(candidates),
          playerFor: (candidate) => {
            tried.push(candidate);
            return playerOf(log, candidate);
          },
          directory,
          onAttempt: (_player, _running, now) => (report = now),
          log: silentLogger,
          metrics: createMetrics(),
        },
        over.signal,
      );
      const error = await restoring.then(
        ({ running }) => {
          running.catch(() => undefined); // ends with the test
          return undefined;
        },
        (thrown: unknown) => thrown as HoldfastError,
      );
      over.abort(new Error('over'));
      const works = candidates.all.find(isWhole);
      if (!error) {
        outcomes.restored++;
        expect(log.head).toBeGreaterThanOrEqual(reach);
        expect(report!.from).toBe(works!.from);
        expect(directory.paths()).toEqual([`/${works!.from}`]);
        const before = candidates.all.slice(0, candidates.all.indexOf(works!)).map(({ from }) => from);
        const passedOver = report!.passedOver.map(({ from }) => from);
        expect(passedOver).toEqual([...candidates.passedOver.map(({ from }) => from), ...before]);
      } else {
        outcomes.refused++;
        expect(works === undefined || log.head < reach).toBe(true);
        expect(['DATA_LOSS', 'HISTORY_LOST', 'RESTORE_FAILED']).toContain(error.code);
      }
      // Damage is met by one of those who need it, never by a second.
      const met = tried.filter((each) => failureAt(log, each.openFrom, 0) instanceof DataLossError);
      expect(met.length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 1000 },
  );
  expect(outcomes.restored).toBeGreaterThan(200);
  expect(outcomes.refused).toBeGreaterThan(200);
});
