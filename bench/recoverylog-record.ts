/**
 * Recording a directory: Gazette's Recorder over its in-process broker (memory and local disk) beside ours over a file:// store.
 *
 *   HOLDFAST_GAZETTE_BENCH=... npm run bench -- recoverylog-record [--blocks N] [--only WORKLOAD] [--scratch DIR] [--disk DIR] [--json FILE]
 *
 * 1. A run begins with an empty directory and ends when everything is durable in the log and the directory holds it. The peer's recorder has no
 *    directory: it is told of operations and makes no file (strace shows none); ours makes them too.
 * 2. Two stores: on `--scratch`, a tmpfs, where fsync costs nothing as in the peer; and on `--disk`, where every object is synced.
 * 3. After the clock has stopped every log is played into another directory, and both must hold the same bytes.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../src/base/index.ts';
import { Player, type RecordedFs } from '../src/recoverylog/index.ts';
import { openStore } from '../src/store/index.ts';
import { gazetteBench, runGazetteBench } from './support/gazette-peer.ts';
import { PORTS, timed } from './support/journal.ts';
import { profiled } from './support/profile.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { middleRatio, rounded, summarize, turns, type Reach } from './support/stats.ts';

const { blocks, scratch, disk, only, json } = benchArguments({
  blocks: 3,
  scratch: '/dev/shm',
  disk: tmpdir(),
  only: '',
});
const AUTHOR = 7;

type Workload = (fs: RecordedFs) => Promise<void>;

/** 256 MiB in writes of 64 KiB, round 16 files. */
const LARGE_WRITES = 4096;
const LARGE_BYTES = 64 * 1024;
const LARGE_FILES = 16;
/** Different writes, so that nothing on the way profits from having seen one. */
const pieces = Array.from({ length: 256 }, () => systemRandom.bytes(LARGE_BYTES));

const large: Workload = (fs) =>
  writeRound(fs, LARGE_FILES, LARGE_WRITES, LARGE_BYTES, (i) => pieces[i % pieces.length]!);

/** 200,000 writes of 128 bytes, round 200 files. */
const SMALL_WRITES = 200_000;
const SMALL_BYTES = 128;
const SMALL_FILES = 200;

const lines = Array.from({ length: 256 }, (_, i) => new Uint8Array(SMALL_BYTES).fill(i, 0, 1));

const small: Workload = (fs) =>
  writeRound(fs, SMALL_FILES, SMALL_WRITES, SMALL_BYTES, (i) => lines[i % lines.length]!);

async function writeRound(
  fs: RecordedFs,
  files: number,
  writes: number,
  bytes: number,
  data: (i: number) => Uint8Array,
): Promise<void> {
  const opened = [];
  for (let i = 0; i < files; i++) {
    const name = `/f${String(i).padStart(3, '0')}`;
    opened.push(await fs.open(name, { create: true }));
  }
  for (let i = 0; i < writes; i++) await opened[i % files]!.write(data(i), Math.floor(i / files) * bytes);
  for (const file of opened) await file.close();
}

/** 50,000 files that take the names of 100. */
const CHURN = 50_000;
const CHURN_LIVE = 100;

const churn: Workload = async (fs) => {
  for (let i = 0; i < CHURN; i++) {
    const file = await fs.open(`/tmp-${i}`, { create: true });
    await file.close();
    await fs.rename(`/tmp-${i}`, `/live-${String(i % CHURN_LIVE).padStart(2, '0')}`);
  }
};

const WORKLOADS: Readonly<Record<string, Workload>> = { large, small, churn };
const names = Object.keys(WORKLOADS).filter((name) => only === '' || only === name);

interface Took {
  readonly wallMs: number;
  /** Of all threads of this process: what a busy machine does not stretch as it does the time. */
  readonly cpuMs: number;
}

/** Records one workload into a store below `where`. */
async function record(workload: Workload, where: string): Promise<Took> {
  const root = await mkdtemp(join(where, 'holdfast-record-'));
  const local = await mkdtemp(join(scratch, 'holdfast-local-'));
  await mkdir(join(root, 'store'));
  const store = openStore(`file://${join(root, 'store')}`);
  const player = (dir: string): Player =>
    new Player({
      journal: { store, name: 'bench/recoverylog-record', generation: 'g1' },
      hints: undefined,
      expectHistory: false,
      dir: join(local, dir),
      ...PORTS,
    });
  try {
    const first = player('primary');
    await Promise.race([first.run(), first.tailing]);
    const { fs, session } = await first.handoff({ author: AUTHOR, term: 1 });
    const before = process.cpuUsage();
    const wallMs = await profiled(() =>
      timed(async () => {
        await workload(fs);
        await fs.barrier();
      }),
    );
    const { user, system } = process.cpuUsage(before);
    await session.close();
    const second = player('copy');
    const running = second.run();
    await second.finish();
    await running;
    const [wanted, played] = [await digest(join(local, 'primary')), await digest(join(local, 'copy'))];
    if (wanted !== played) throw new Error('the log does not give the directory back');
    return { wallMs, cpuMs: (user + system) / 1000 };
  } finally {
    await store.close();
    await rm(root, { recursive: true });
    await rm(local, { recursive: true });
  }
}

/** Of all names and bytes in a directory. */
async function digest(dir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(dir)).sort()) hash.update(name).update(await readFile(join(dir, name)));
  return hash.digest('hex');
}

const PEER = "Gazette's Recorder";
const FREE = 'ours, file store, fsync free';
const SYNCED = 'ours, file store, fsync';

/** Leg, then workload: ms of each block. */
type Figures = Map<string, Map<string, number[]>>;
const took: Figures = new Map();
const processors: Figures = new Map();
function note(where: Figures, leg: string, workload: string, ms: number): void {
  const figures = where.get(leg) ?? new Map<string, number[]>();
  where.set(leg, figures.set(workload, [...(figures.get(workload) ?? []), ms]));
}

const ours = (leg: string, where: string) => ({
  run: async () => {
    for (const name of names) {
      const { wallMs, cpuMs } = await record(WORKLOADS[name]!, where);
      note(took, leg, name, wallMs);
      note(processors, leg, name, cpuMs);
    }
  },
});
const peer = (program: string) => ({
  run: async () => {
    for (const { workload, what, seconds } of await runGazetteBench(program, names, scratch))
      if (what === 'record') note(took, PEER, workload, seconds * 1000);
  },
});

const watch = watchMemory();
const legs = [...(gazetteBench ? [peer(gazetteBench)] : []), ours(FREE, scratch), ours(SYNCED, disk)];
for (const name of names) await record(WORKLOADS[name]!, scratch); // the compiler's turn
for (let block = 0; block < blocks; block++) for (const leg of turns(legs, block)) await leg.run();
const memory = watch.stop();

const seconds = (ms: number): string => (ms / 1000).toFixed(3);
function show(figures: Figures): void {
  const cell = (ms: readonly number[]): string => {
    const { p50, min, max } = summarize(ms);
    return `${seconds(p50)} (${seconds(min)} to ${seconds(max)})`;
  };
  const row = (each: ReadonlyMap<string, number[]>): Record<string, string> =>
    Object.fromEntries([...each].map(([name, ms]) => [name, cell(ms)]));
  console.table(Object.fromEntries([...figures].map(([leg, each]) => [leg, row(each)])));
}

console.log(`recording, ${blocks} blocks; seconds, median (least to most)`);
if (!gazetteBench) console.log('peer absent: HOLDFAST_GAZETTE_BENCH names no program');
show(took);
console.log('processor seconds of ours, all threads');
show(processors);
const inJson = (figures: Figures): unknown =>
  Object.fromEntries([...figures].map(([leg, each]) => [leg, Object.fromEntries(each)]));
const reaches: Reach[] = names.flatMap((name) => {
  const theirs = took.get(PEER)?.get(name);
  if (!theirs) return [];
  const over = (leg: string): number => rounded(middleRatio(took.get(leg)!.get(name)!, theirs), 2);
  return [{ figure: `${name}: over Gazette's time`, measured: over(FREE), bound: { atMost: 1 } }];
});
await conclude({
  bench: 'recoverylog-record',
  figures: {
    blocks,
    tookMs: inJson(took),
    cpuMs: inJson(processors),
  },
  reaches,
  memory,
  json,
});
