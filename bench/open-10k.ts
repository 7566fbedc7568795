/**
 * Opening a long log at a distant store: 10,000 live slots, 5 ms a request. A new process reads to the tail and fences, as a cold takeover does.
 * The store is the memory store behind a delay; requests under way are not limited, so that what is measured is how many the reader
 * dares to have. The floor: bare GETs of the same slots, so many under way at a time.
 *
 *   npm run bench -- open-10k [--slots N] [--delay MS] [--bytes N] [--rounds N] [--json FILE]
 */
import { systemRandom } from '../src/base/index.ts';
import { slotKey, type Journal } from '../src/journal/index.ts';
import { openStore, type ObjectStore } from '../src/store/index.ts';
import { openAtTail, readToTail, openBehind, timed } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { rounded, summarize } from './support/stats.ts';
import { SlowStore } from './support/slow-store.ts';

const { slots, delay, bytes, rounds, json } = benchArguments({
  slots: 10_000,
  delay: 5,
  bytes: 1024,
  rounds: 3,
});
const REACH_MS = 1000;
const PARALLEL = [8, 16, 32, 64, 128, 256] as const;
/** To know what a request really takes: a timer of 5 ms takes a little more. */
const SINGLE_REQUESTS = 50;

/** A log of DATA slots written by a session that is gone; its fence is one of them. */
async function writeLog(journal: Journal): Promise<void> {
  const session = await openAtTail(journal);
  const body = systemRandom.bytes(bytes);
  for (let slot = 1; slot < slots; slot++) await session.append(body, { barrier: true }).committed;
  await session.close();
}

interface Opened {
  readonly readMs: number;
  readonly fenceMs: number;
  readonly requests: number;
  readonly mostUnderWay: number;
}

async function open(inner: ObjectStore, journal: Journal): Promise<Opened> {
  const store = new SlowStore(inner, delay);
  const far = { ...journal, store };
  const startMs = performance.now();
  const cursor = await readToTail(far);
  const readMs = performance.now() - startMs;
  if (cursor.nextSeq < slots) throw new Error(`read ${cursor.nextSeq} slots of ${slots}`);
  const session = await openBehind(far, cursor);
  const fenceMs = performance.now() - startMs - readMs;
  await session.close();
  return { readMs, fenceMs, ...store.seen };
}

/** GETs every slot, `parallel` at a time. */
async function bareGets(inner: ObjectStore, journal: Journal, parallel: number): Promise<number> {
  const store = new SlowStore(inner, delay);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < slots) {
      const seq = next++;
      if (!(await store.get(slotKey(journal, seq)))) throw new Error(`slot ${seq} is not there`);
    }
  };
  return await timed(() => Promise.all(Array.from({ length: parallel }, worker)));
}

const memory = watchMemory();
const inner = openStore('memory:');
const journal = { store: inner, name: 'bench/open-10k', generation: 'g1' };
await writeLog(journal);
const single: number[] = [];
const far = new SlowStore(inner, delay);
for (let i = 0; i < SINGLE_REQUESTS; i++) single.push(await timed(() => far.get(slotKey(journal, i))));
const opened: Opened[] = [];
const bare = new Map<number, number[]>(PARALLEL.map((parallel) => [parallel, []]));
for (let round = 0; round < rounds; round++) {
  for (const parallel of PARALLEL) bare.get(parallel)!.push(await bareGets(inner, journal, parallel));
  opened.push(await open(inner, journal));
}
await inner.close();

const readMs = summarize(opened.map((each) => each.readMs));
const fenceMs = summarize(opened.map((each) => each.fenceMs));
const openMs = summarize(opened.map((each) => each.readMs + each.fenceMs));
const bareMs = [...bare].map(([parallel, took]) => [parallel, summarize(took).p50] as const);
const enough = bareMs.find(([, ms]) => ms < REACH_MS)?.[0];
const { requests, mostUnderWay } = opened[0]!;
console.log(
  `open and fence, ${slots} live slots of ${bytes} bytes, ${delay} ms a request (measured: ${summarize(single).p50} ms), ${rounds} rounds`,
);
console.table({
  ...Object.fromEntries(
    bareMs.map(([parallel, ms]) => [`bare GETs, ${parallel} at a time`, { 'ms p50': ms }]),
  ),
  'journal: read to the tail': { 'ms p50': readMs.p50, requests, 'most under way': mostUnderWay },
  'journal: fence': { 'ms p50': fenceMs.p50 },
});
console.log(`bare GETs come below ${REACH_MS} ms from ${enough ?? 'none of these'} at a time`);
await conclude({
  bench: 'open-10k',
  figures: {
    slots,
    delayMs: delay,
    bytes,
    singleMs: summarize(single),
    bareMs: Object.fromEntries(bareMs),
    readMs,
    fenceMs,
    requests,
    mostUnderWay,
  },
  reaches: [
    { figure: 'open + fence, s', measured: rounded(openMs.p50 / 1000, 3), bound: { below: REACH_MS / 1000 } },
  ],
  memory: memory.stop(),
  json,
});
