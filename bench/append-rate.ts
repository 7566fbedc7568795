/**
 * Acknowledged appends a second of many writers on one journal, each waiting for its own append before the next, against the floor: the same writers
 * on a bare group of 40 lines that gathers for the same time and makes the same conditional PUT, without offsets, order, fences or checksums. Both
 * take turns in blocks, so that they meet the same moments of the machine.
 *
 *   npm run bench -- append-rate [--writers N] [--bytes N] [--interval MS] [--blocks N] [--store memory|s3] [--json FILE]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startS3Server } from '../e2e/cluster/s3-server.ts';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { openSession, START } from '../src/journal/index.ts';
import { openStore, type ObjectStore } from '../src/store/index.ts';
import { summarize, type Summary } from './stats.ts';

const BLOCK_MS = 1000;
const WARM_UP_BLOCKS = 2;
/** One wait in so many is kept, so that the figures do not cost more than what they are of. */
const SAMPLE_EVERY = 20;

const { values } = parseArgs({
  options: {
    writers: { type: 'string', default: '10000' },
    bytes: { type: 'string', default: '100' },
    interval: { type: 'string', default: '20' },
    blocks: { type: 'string', default: '10' },
    store: { type: 'string', default: 'memory' },
    json: { type: 'string' },
  },
});
const writers = Number(values.writers);
const intervalMs = Number(values.interval);
const blocks = Number(values.blocks);
const recordBytes = Number(values.bytes);
/** Records are pieces of this, so that a batch of them does not compress. */
const pool = systemRandom.bytes(4 * 1024 * 1024 + recordBytes);
let at = 0;

function nextRecord(): Uint8Array {
  at = (at + recordBytes) % (pool.length - recordBytes);
  return pool.subarray(at, at + recordBytes);
}

/** Appends one record; resolves when it is durable. */
type Append = () => Promise<void>;

class Tally {
  count = 0;
  ms = 0;
  cpuMs = 0;
  readonly waitsMs: number[] = [];

  figures(): { perSecond: number; cpuMicrosEach: number; waitMs: Summary } {
    return {
      perSecond: Math.round((this.count * 1000) / this.ms),
      cpuMicrosEach: Math.round((this.cpuMs / this.count) * 100_000) / 100,
      waitMs: summarize(this.waitsMs),
    };
  }
}

/** The floor. */
function bareGroup(store: ObjectStore): Append {
  let parts: Uint8Array[] = [];
  let group = Promise.withResolvers<void>();
  let inFlight = false;
  let key = 0;
  const flush = async (): Promise<void> => {
    inFlight = true;
    const [body, done] = [Buffer.concat(parts), group];
    parts = [];
    group = Promise.withResolvers<void>();
    const outcome = await store.create(`bare/${key++}`, body);
    if (outcome.kind !== 'created') throw new Error(`the floor's PUT was ${outcome.kind}`);
    inFlight = false;
    done.resolve();
    if (parts.length > 0) setTimeout(() => void flush(), intervalMs);
  };
  return () => {
    if (parts.push(nextRecord()) === 1 && !inFlight) setTimeout(() => void flush(), intervalMs);
    return group.promise;
  };
}

async function block(append: Append, into: Tally): Promise<void> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const work = Array.from({ length: writers }, async (_, i) => {
    for (let n = i; performance.now() - startMs < BLOCK_MS; n++) {
      const beganMs = n % SAMPLE_EVERY === 0 ? performance.now() : undefined;
      await append();
      into.count++;
      if (beganMs !== undefined) into.waitsMs.push(performance.now() - beganMs);
    }
  });
  await Promise.all(work);
  const used = process.cpuUsage(cpu);
  into.ms += performance.now() - startMs;
  into.cpuMs += (used.user + used.system) / 1000;
}

const server = values.store === 's3' ? await startS3Server() : undefined;
const store = server ? openStore(server.url, { credentials: server }) : openStore('memory:');
const alive = setInterval(() => undefined, BLOCK_MS); // a waiting session does not keep a process alive
try {
  const journal = { store, name: 'bench/append-rate', generation: 'g1' };
  const session = await openSession(journal, {
    cursor: START,
    author: 1,
    term: 1,
    clock: systemClock,
    random: systemRandom,
    options: { flushIntervalMs: intervalMs },
  });
  const floor = bareGroup(store);
  let [bare, ours] = [new Tally(), new Tally()];
  for (let i = 0; i < WARM_UP_BLOCKS + blocks; i++) {
    if (i === WARM_UP_BLOCKS) [bare, ours] = [new Tally(), new Tally()];
    await block(floor, bare);
    await block(() => session.append(nextRecord()).committed, ours);
  }
  await session.close();
  const result = {
    bench: 'append-rate',
    store: values.store,
    writers,
    bytes: recordBytes,
    intervalMs,
    bare: bare.figures(),
    journal: ours.figures(),
    ratio: Math.round((ours.figures().perSecond / bare.figures().perSecond) * 1000) / 1000,
    rssMiB: Math.round(process.memoryUsage.rss() / 1_048_576),
  };
  console.log(
    `${writers} writers of ${recordBytes} bytes on one journal, ${intervalMs} ms grouping, ${values.store} store, ${blocks} s each`,
  );
  console.table({
    'bare group': { ...result.bare, waitMs: result.bare.waitMs.p50, p99Ms: result.bare.waitMs.p99 },
    journal: { ...result.journal, waitMs: result.journal.waitMs.p50, p99Ms: result.journal.waitMs.p99 },
  });
  console.log(`ratio ${result.ratio}, resident ${result.rssMiB} MiB`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  clearInterval(alive);
  await store.close();
  await server?.stop();
}
