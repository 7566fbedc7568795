/**
 * Tail latency: from the moment an append is acknowledged to the moment a tailing reader has handed it out, while the journal is active; beside it
 * one GET of an object of that size, in the same moments. Writer and reader share a process and its clock, not a connection. Appends come at
 * random (exponential gaps), so that the reader's polling never falls into step with them; different mean gaps take turns.
 *
 *   npm run bench -- tail-latency [--rounds N] [--seconds N] [--bytes N] [--json FILE]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemRandom } from '../src/base/index.ts';
import { JournalReader, type Session } from '../src/journal/index.ts';
import type { ObjectStore } from '../src/store/index.ts';
import { openAtTail, PORTS, timed, withS3, withStore } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { rounded, summarize } from './support/stats.ts';

const { rounds, seconds, bytes, json } = benchArguments({ rounds: 5, seconds: 5, bytes: 1024 });
/** Mean gaps between appends, ms. */
const GAPS_MS = [20, 100, 400] as const;
/** The one that counts as active: ten a second, which is a reader's own pace when it polls. */
const ACTIVE_GAP_MS = 100;
const REACH_OVER_GET_MS = 50;
const PROBE_KEY = 'probe/one-object';
/** An append that the reader does not have by then is a fault, not a latency. */
const LOST_AFTER_MS = 30_000;

/** When the reader has what lies below an offset. */
class Tailer {
  readonly #reader: JournalReader;
  readonly #stop = new AbortController();
  readonly #waiting: { readonly end: number; readonly resolve: (atMs: number) => void }[] = [];
  #failed: (reason: unknown) => void = () => undefined;
  /** Rejects when reading fails, so that nobody waits for a reader that has ended. */
  readonly failure: Promise<never> = new Promise((_, reject) => {
    this.#failed = reject;
  });

  constructor(reader: JournalReader) {
    this.#reader = reader;
    this.failure.catch(() => undefined); // whoever races against it is told
    void this.#follow(); // never rejects: `failure` does
  }

  /** When everything below `end` was handed out, by performance.now(). Ask in the order of the offsets. */
  has(end: number): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ end, resolve }));
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    try {
      for (;;) {
        const event = await this.#reader.next(this.#stop.signal);
        if (event.kind !== 'data') continue;
        const nowMs = performance.now();
        while (this.#waiting.length > 0 && this.#waiting[0]!.end <= event.end)
          this.#waiting.shift()!.resolve(nowMs);
      }
    } catch (error) {
      this.#failed(error);
    }
  }
}

interface Sample {
  /** Negative where the reader was told before the writer. */
  readonly tailMs: number[];
  readonly getMs: number[];
}

/** Appends at random, without waiting for the reader: what it is behind with one must not spare it the next. */
async function follow(
  session: Session,
  tailer: Tailer,
  store: ObjectStore,
  gapMs: number,
  into: Sample,
): Promise<void> {
  const body = systemRandom.bytes(bytes);
  const untilMs = performance.now() + seconds * 1000;
  const delivered: Promise<unknown>[] = [];
  while (performance.now() < untilMs) {
    await sleep(-gapMs * Math.log(1 - systemRandom.unit()));
    const { end, committed } = session.append(body, { barrier: true });
    const has = tailer.has(end);
    await committed;
    const acknowledgedMs = performance.now();
    delivered.push(has.then((atMs) => into.tailMs.push(atMs - acknowledgedMs)));
    into.getMs.push(await timed(() => store.get(PROBE_KEY)));
  }
  const late = sleep(LOST_AFTER_MS, undefined, { ref: false }).then(() => {
    throw new Error(`the reader does not have what was appended ${LOST_AFTER_MS} ms ago`);
  });
  await Promise.race([Promise.all(delivered), tailer.failure, late]);
}

const memory = watchMemory();
const samples = new Map<number, Sample>(GAPS_MS.map((gapMs) => [gapMs, { tailMs: [], getMs: [] }]));
await withS3((server) =>
  withStore(server, (writing) =>
    withStore(server, async (reading) => {
      const journal = { name: 'bench/tail-latency', generation: 'g1' };
      const session = await openAtTail({ ...journal, store: writing });
      await writing.create(PROBE_KEY, systemRandom.bytes(bytes));
      const tailer = new Tailer(new JournalReader({ ...journal, store: reading }, { ...PORTS, pace: 'hot' }));
      await follow(session, tailer, reading, ACTIVE_GAP_MS, { tailMs: [], getMs: [] }); // warm-up
      for (let round = 0; round < rounds; round++)
        for (const gapMs of GAPS_MS) await follow(session, tailer, reading, gapMs, samples.get(gapMs)!);
      tailer.stop();
      await session.close();
    }),
  ),
);

const figures = [...samples].map(([gapMs, sample]) => ({
  gapMs,
  tailMs: summarize(sample.tailMs),
  getMs: summarize(sample.getMs),
}));
console.log(
  `append acknowledged to the tailer has it, ${bytes} bytes, ${rounds} rounds of ${seconds} s for each mean gap (versitygw on loopback)`,
);
console.table(
  Object.fromEntries(
    figures.map(({ gapMs, tailMs, getMs }) => [
      `every ${gapMs} ms`,
      {
        appends: tailMs.count,
        'tail p50': tailMs.p50,
        'tail p99': tailMs.p99,
        'GET p50': getMs.p50,
        'GET p99': getMs.p99,
      },
    ]),
  ),
);
const active = figures.find(({ gapMs }) => gapMs === ACTIVE_GAP_MS)!;
await conclude({
  bench: 'tail-latency',
  figures: { bytes, gaps: figures },
  reaches: [
    {
      figure: `p50 over one GET at an append every ${ACTIVE_GAP_MS} ms, ms`,
      measured: rounded(active.tailMs.p50 - active.getMs.p50, 3),
      bound: { atMost: REACH_OVER_GET_MS },
    },
  ],
  memory: memory.stop(),
  json,
});
