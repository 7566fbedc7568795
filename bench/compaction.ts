/**
 * Compaction of a journal by its owner: throughput, the memory that it takes of a serving process, and for how long it keeps that from everything else.
 * Journals of large and of small slots, in a directory and at a real S3 server, fragments as they are and compressed. Beside each its floor: the same slots
 * read and written again, without a digest. Every leg in a process of its own, in turns.
 *
 *   npm run bench -- compaction [--mib N] [--rounds N] [--kib 4096,16] [--legs floor,raw,gzip,zstd] [--stores file,s3] [--json FILE]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemRandom } from '../src/base/index.ts';
import { START, type Journal } from '../src/journal/index.ts';
import { openStore, type ObjectStore } from '../src/store/index.ts';
import type { CompactionResult, CompactionTask } from './support/compaction-leg.ts';
import { openBehind, withS3 } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { middleRatio, rounded, turns, type Reach } from './support/stats.ts';

const { mib, rounds, kib, legs, stores, json } = benchArguments({
  mib: 512,
  rounds: 3,
  kib: '4096,16',
  legs: 'floor,raw,gzip,zstd',
  stores: 'file,s3',
});
const MIB = 1024 * 1024;
const bytes = mib * MIB;
const run = promisify(execFile);
const LEG_PROGRAM = join(import.meta.dirname, 'support', 'compaction-leg.ts');
/** One body of 64 MiB, and half as much for everything else. */
const MOST_HEAP_MIB = 96;
const MOST_PAUSE_MS = 50;

interface Place {
  readonly name: string;
  readonly url: string;
  readonly env: NodeJS.ProcessEnv;
  readonly store: ObjectStore;
}

/** Journals of small batches are shorter: they take as many requests as they have batches. */
const SMALL_KIB = 64;
const bytesOf = (batchKib: number): number => (batchKib < SMALL_KIB ? bytes / 4 : bytes);

/** A journal of batches of one size; every other half KiB of its content is noise. */
async function journalOf(
  store: ObjectStore,
  batchBytes: number,
  bytes: number,
): Promise<Omit<CompactionTask, 'leg' | 'url'>> {
  const journal: Journal = { store, name: `bench/compaction-${batchBytes}`, generation: 'g1' };
  const options = { compression: 'raw', flushIntervalMs: 0, maxBatchBytes: batchBytes } as const;
  const session = await openBehind(journal, START, options);
  const begin = session.fenceSeq;
  for (let at = 0; at < bytes; at += batchBytes) {
    const content = systemRandom.bytes(batchBytes);
    for (let i = 0; i < content.length; i += 1024) content.fill(at, i, i + 512);
    await session.append(content, { barrier: true }).committed;
  }
  const end = session.confirmed.nextSeq;
  await session.close();
  return { name: journal.name, generation: journal.generation, begin, end, bytes };
}

async function keysOf(store: ObjectStore): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (let startAfter: string | undefined, more = true; more;) {
    const page = await store.list('', { startAfter });
    for (const { key } of page.objects) keys.add((startAfter = key));
    more = page.truncated;
  }
  return keys;
}

interface Row {
  readonly store: string;
  readonly kib: number;
  readonly leg: string;
  readonly results: CompactionResult[];
}

async function measure(place: Place, batchKib: number): Promise<readonly Row[]> {
  const journal = await journalOf(place.store, batchKib * 1024, bytesOf(batchKib));
  const before = await keysOf(place.store);
  const rows = legs.split(',').map((leg): Row => ({ store: place.name, kib: batchKib, leg, results: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const row of turns(rows, round)) {
      const task = { ...journal, leg: row.leg, url: place.url };
      const argv = ['--expose-gc', LEG_PROGRAM, JSON.stringify(task)];
      const { stdout } = await run(process.execPath, argv, { env: { ...process.env, ...place.env } });
      row.results.push(JSON.parse(stdout) as CompactionResult);
      for (const key of await keysOf(place.store)) if (!before.has(key)) await place.store.delete(key);
    }
  }
  for (const key of before) await place.store.delete(key);
  return rows;
}

async function measureAll(place: Place): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const each of kib.split(',')) rows.push(...(await measure(place, Number(each))));
  await place.store.close();
  return rows;
}

async function inDirectory(): Promise<readonly Row[]> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-compaction-'));
  try {
    const url = `file://${directory}`;
    return await measureAll({ name: 'file', url, env: {}, store: openStore(url) });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function atServer(): Promise<readonly Row[]> {
  return await withS3(async (server) => {
    const store = openStore(server.url, { credentials: server });
    return await measureAll({ name: 's3', url: server.url, env: server.credentials(), store });
  });
}

const memory = watchMemory();
const rows: Row[] = [];
if (stores.includes('file')) rows.push(...(await inDirectory()));
if (stores.includes('s3')) rows.push(...(await atServer()));

const all = (row: Row, of: keyof CompactionResult): readonly number[] => row.results.map((each) => each[of]);
const most = (row: Row, of: keyof CompactionResult): number => Math.max(...all(row, of));
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const floorOf = (row: Row): Row | undefined =>
  rows.find(({ store, kib: size, leg }) => store === row.store && size === row.kib && leg === 'floor');
/** Throughput over the floor's, round by round. */
const overFloor = (row: Row): number => {
  const floor = floorOf(row);
  return floor ? middleRatio(all(row, 'mibPerSecond'), all(floor, 'mibPerSecond')) : Number.NaN;
};
console.log(
  `compaction of ${mib} MiB (in small batches a quarter of that), half of it noise, in fragments of 64 MiB, ${rounds} rounds`,
);
console.table(
  Object.fromEntries(
    rows.map((row) => [
      `${row.store} ${row.kib} KiB ${row.leg}`,
      {
        'MiB/s': rounded(middle(all(row, 'mibPerSecond')), 0),
        from: rounded(Math.min(...all(row, 'mibPerSecond')), 0),
        to: rounded(most(row, 'mibPerSecond'), 0),
        'of the floor': overFloor(row),
        'CPU s/GiB': middle(all(row, 'cpuSecondsPerGib')),
        'heap + buffers, MiB': most(row, 'heapPeak'),
        'process, MiB': most(row, 'rssPeak'),
        'late p99, ms': middle(all(row, 'pauseP99')),
        'late max': middle(all(row, 'pauseMax')),
        'work p99, ms': middle(all(row, 'workP99')),
        'work max': middle(all(row, 'workMax')),
      },
    ]),
  ),
);
const reaches = rows.flatMap((row): readonly Reach[] => {
  const what = `${row.store} ${row.kib} KiB ${row.leg}`;
  const pause = { figure: `${what}: longest work at a time, ms`, measured: middle(all(row, 'workMax')) };
  const heap = { figure: `${what}: heap and buffers, MiB`, measured: most(row, 'heapPeak') };
  return row.leg === 'floor'
    ? []
    : [
        { ...heap, bound: { atMost: MOST_HEAP_MIB } },
        { ...pause, bound: { atMost: MOST_PAUSE_MS } },
      ];
});
await conclude({
  bench: 'compaction',
  figures: { bytes, rounds, rows },
  reaches,
  memory: memory.stop(),
  json,
});
