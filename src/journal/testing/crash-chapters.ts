/**
 * The story that the crash tests interrupt, in chapters: each begins with what the one before it left in the store.
 *
 * Together the chapters make every step of the specification happen (crash-steps.ts): a first fence and group commits with lost and refused answers; a
 * busy writer fenced by a leap with fillers; compaction, merging, pruning and deletion; a store that says no, and one that says nothing.
 */
import type { Registers } from '../format/slot.ts';
import type { Lab, Life } from './crash-lab.ts';

export interface Chapter {
  readonly name: string;
  /** Registers that were set before it, and that every later fence keeps. */
  readonly registers: Registers;
  /** Lives the chapter; resolves when everybody in it has ended or come to rest. */
  tell(lab: Lab): Promise<void>;
}

const SLOT = /\/log\//;
/** Content of a fragment of the story, bytes: so small that a few records fill several. */
const FRAGMENT_BYTES = 40;
/** From a CHECKPOINT to the deletion, ms; longer than a request, shorter than the story. */
export const GRACE_MS = 1500;
/** Compactions come by the time that has passed, so that a chapter decides by its sleeps what each of them finds. */
export const COMPACTION = {
  triggerSlots: 100_000,
  intervalMs: 1800,
  graceMs: GRACE_MS,
  pruneAgeMs: 0,
  fragmentBytes: FRAGMENT_BYTES,
} as const;

/** Chapter one: the first session of the journal, whose answers get lost now and then. */
async function begins(lab: Lab): Promise<void> {
  const lose = (): unknown =>
    lab.store.add({
      client: 'a',
      operation: 'create',
      key: SLOT,
      times: 1,
      fault: { kind: 'drop-response' },
    });
  await lab.life('a', 4).lives(async (a) => {
    await a.read();
    lose(); // the fence: its opener finds it taken, by itself
    await a.open({ term: 1, author: 11, registers: { app: 'orders' } });
    await Promise.all([a.append(), a.append(8), a.append()]);
    lose(); // an append: sent again, found taken, by itself
    await a.append();
    lab.store.add({
      client: 'a',
      operation: 'create',
      key: SLOT,
      times: 1,
      fault: { kind: 'status', status: 409 },
    });
    await a.append();
    await Promise.all([a.readIndex(), a.append(), a.append(9)]);
    await a.write(3);
  });
}

/** Most records of the busy writer, should nobody fence it. */
const BUSY_RECORDS = 20;

/** Chapter two: a writer that wins every race, until its successor leaps ahead of it; it rests, and finds out. */
async function leaps(lab: Lab): Promise<void> {
  const rest = new AbortController();
  const hasOpened = Promise.withResolvers<void>();
  const hasRead = Promise.withResolvers<void>();
  const isFenced = Promise.withResolvers<void>();
  const busy = lab.life('b', 2).lives(async (b) => {
    await b.read();
    await b.open({ term: 2, author: 22 });
    await b.write(2);
    hasOpened.resolve();
    await hasRead.promise;
    for (let i = 0; i < BUSY_RECORDS && !rest.signal.aborted; i++) await b.append();
    await isFenced.promise;
    await b.append(); // into the fence of its successor
  });
  const next = lab.life('c', 5).lives(async (c) => {
    await hasOpened.promise;
    await c.read();
    hasRead.resolve();
    await c.process.clock.sleep(5);
    const metrics = {
      ...lab.metrics,
      leaped: () => {
        lab.metrics.leaped();
        rest.abort();
      },
    };
    await c.open({ term: 3, author: 33, metrics, registers: { app: 'invoices' } });
    isFenced.resolve();
    await c.write(2);
  });
  await Promise.all([busy, next]);
}

/** So long that the index which carries it becomes an object of its own, put before the CHECKPOINT that names it. */
const LONG_PROOF = 'hints '.repeat(6000);

/** Ends what is there so far at a byte from which the sizes of the next fragments follow. */
async function padTo(life: Life, offsetInFragment: number): Promise<void> {
  const missing =
    (FRAGMENT_BYTES + offsetInFragment - (life.session!.head % FRAGMENT_BYTES)) % FRAGMENT_BYTES;
  if (missing > 0) await life.append(missing < 5 ? missing + FRAGMENT_BYTES : missing);
}

/** Chapter three: content becomes fragments; small ones are merged, those that nobody needs are given up, and what is superfluous is deleted. */
async function compacts(lab: Lab): Promise<void> {
  await lab.life('d', 4).lives(async (d) => {
    await d.read();
    await d.open({ term: 4, author: 44 });
    const compactor = d.compact(COMPACTION, LONG_PROOF);
    await d.write(4);
    await padTo(d, 15);
    await d.process.clock.sleep(COMPACTION.intervalMs + 700); // one compaction, the last fragment of 15 bytes
    await d.write(4);
    await d.process.clock.sleep(COMPACTION.intervalMs + 700); // a second one, that merges it with 20 more
    await d.readIndex();
    await d.process.clock.sleep(3 * GRACE_MS);
    compactor.stop();
    await d.write(2);
  });
}

/** Chapter four: the store refuses an append, then gives no answer to one that arrives much later; each time the process begins again. */
async function refuses(lab: Lab): Promise<void> {
  await lab.life('e', 4).lives(async (e) => {
    await e.read();
    await e.open({ term: 5, author: 55 });
    await e.write(2);
    lab.store.add({
      client: 'e',
      operation: 'create',
      key: SLOT,
      times: 1,
      fault: { kind: 'status', status: 403 },
    });
    await e.append().catch(() => undefined); // told: not appended
    await e.read();
    await e.open({ term: 6, author: 56, options: { giveUpMs: 400, firstAttemptMs: 300 } });
    await e.write(2);
    const silence = { kind: 'late', giveUpMs: 250, arriveMs: 900 } as const;
    const silent = lab.store.add({ client: 'e', operation: 'create', key: SLOT, fault: silence });
    await e.append().catch(() => undefined); // told: unknown
    silent.remove();
    await e.read();
    await e.open({ term: 7, author: 57 });
    await e.write(2);
  });
}

export const CHAPTERS: readonly Chapter[] = [
  { name: 'a journal begins, and answers are lost', registers: {}, tell: begins },
  { name: 'a busy writer is fenced by a leap', registers: {}, tell: leaps },
  {
    name: 'content is compacted, merged, pruned and deleted',
    registers: { app: 'invoices' },
    tell: compacts,
  },
  { name: 'a store refuses, then is silent', registers: { app: 'invoices' }, tell: refuses },
];
