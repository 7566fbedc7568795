/**
 * A compacted journal for reading, made as production makes it: appended through a session, compacted by its compactor until nothing is left in
 * slots. The content is such that nothing can compress it.
 */
import { silentLogger, systemRandom } from '../../src/base/index.ts';
import {
  Compactor,
  fragmentKey,
  journalMetrics,
  START,
  type Fragment,
  type Journal,
} from '../../src/journal/index.ts';
import type { ObjectStore } from '../../src/store/index.ts';
import { openBehind, PORTS } from './journal.ts';

const BATCH_BYTES = 4 * 1024 * 1024;
const LOOK_MS = 100;

export interface FragmentObject {
  readonly key: string;
  /** Content bytes [begin, end) of the journal. */
  readonly begin: number;
  readonly end: number;
  readonly sha1: string;
}

export interface CompactedJournal {
  readonly name: string;
  readonly generation: string;
  readonly bytes: number;
  /** In order, without a gap. */
  readonly fragments: readonly FragmentObject[];
}

/** Where fragments of a journal lie. */
export function fragmentObjects(journal: Journal, fragments: readonly Fragment[]): readonly FragmentObject[] {
  return fragments.map((fragment) => ({
    key: fragmentKey(journal, fragment),
    begin: fragment.begin,
    end: fragment.end,
    sha1: fragment.sha1,
  }));
}

/** Makes a journal of `bytes` of content in fragments of 64 MiB (the last one shorter). */
export async function compactedJournal(store: ObjectStore, bytes: number): Promise<CompactedJournal> {
  const journal: Journal = { store, name: 'bench/read-throughput', generation: 'g1' };
  const session = await openBehind(journal, START, { compression: 'raw', flushIntervalMs: 0 });
  const compactor = new Compactor(
    { session, log: silentLogger, metrics: journalMetrics(), ...PORTS },
    { compression: 'raw', intervalMs: LOOK_MS, graceMs: 0 },
  );
  for (let begin = 0; begin < bytes; begin += BATCH_BYTES) {
    await session.whenWritable();
    session.append(systemRandom.bytes(Math.min(BATCH_BYTES, bytes - begin)));
  }
  await session.barrier();
  while (compactor.plan?.index.end !== bytes) {
    if (compactor.problem) throw compactor.problem;
    await PORTS.clock.sleep(LOOK_MS);
  }
  compactor.stop();
  await compactor.ended;
  await session.close();
  const fragments = fragmentObjects(journal, compactor.plan.index.fragments);
  return { name: journal.name, generation: journal.generation, bytes, fragments };
}
