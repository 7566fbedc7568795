/**
 * Restoring from S3: a large log (256 MiB as writes of 64 KiB to 16 files) played from a real S3 server into a directory, over the bare script of parallel
 * GETs of ranges that brings the same objects to the same disk. Twice: as fragments, which compaction leaves, and as plain slots, as it was recorded.
 *
 *   npm run bench -- recoverylog-s3 [--rounds N] [--scale N] [--parallel N] [--to DIRECTORY] [--json FILE]
 *
 * 1. Every leg in a process of its own, in turns; before each of them everything written before is synced.
 * 2. Two moments of each: `written` when all content is in its files, which for the player includes the proof that it stands at the head of the log, and
 *    `synced` when the files have their names and are synced, which the bare script does too. Only the player checks digests.
 * 3. What came to the disk is checked when the clock has stopped: the player's files against what the log says, the bare script's objects by their digests.
 * 4. The reach is of the fragments, at both moments. Plain slots are reported: a log is compacted as it grows, so that they are its youngest part.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { S3Server } from '../e2e/cluster/s3-server.ts';
import { sha1Hex } from '../src/base/index.ts';
import { compactJournal, findPlan, listSlots, type Journal } from '../src/journal/index.ts';
import type { ObjectStore } from '../src/store/index.ts';
import { fragmentObjects, type CompactedJournal, type FragmentObject } from './support/compacted.ts';
import { PORTS, withS3, withStore } from './support/journal.ts';
import { NAME, playInto } from './support/play-leg.ts';
import { batchesOf, expectedDigest, fillJournal, logOf } from './support/play-workloads.ts';
import { checkContent, runReadLeg } from './support/read-leg.ts';
import { benchArguments, conclude, watchMemory, type PeakMemory } from './support/report.ts';
import { mibPerSecond, middleRatio, rounded, summarize, turns, type Reach } from './support/stats.ts';

const { rounds, scale, parallel, to, json } = benchArguments({ rounds: 5, scale: 1, parallel: 8, to: '' });
const LEAST_RATIO = 0.8;

const run = promisify(execFile);

/** One run of a leg; see the header for the two moments. */
interface Took {
  readonly writtenMs: number;
  readonly syncedMs: number;
  /** All threads, and the one that JavaScript runs on; the bare script does not tell. */
  readonly cpuMs?: number;
  readonly threadMs?: number;
  readonly memory: PeakMemory;
}

interface Leg {
  readonly name: string;
  /** In which objects its content lies. */
  readonly form: 'fragments' | 'slots';
  readonly plays: boolean;
  /** Bytes of content. */
  readonly bytes: number;
  /** Brings everything below a directory, and removes it. */
  readonly run: (target: string) => Promise<Took>;
  readonly results: Took[];
}

/** The log in fragments alone, as far as a reader is concerned. */
async function inFragments(journal: Journal, log: readonly Uint8Array[]): Promise<CompactedJournal> {
  await fillJournal(journal, log);
  await compactJournal(journal, { term: 2, options: { compression: 'raw' }, ...PORTS });
  const { index } = (await findPlan(journal))!;
  const fragments = fragmentObjects(journal, index.fragments);
  return { name: journal.name, generation: journal.generation, bytes: index.end, fragments };
}

/** The log in slots alone; the objects are the whole slots, heads and all, one behind the other. */
async function inSlots(journal: Journal, log: readonly Uint8Array[]): Promise<CompactedJournal> {
  await fillJournal(journal, log);
  const fragments: FragmentObject[] = [];
  let bytes = 0;
  for await (const { key } of listSlots(journal)) {
    const { body } = (await journal.store.get(key))!;
    fragments.push({ key, begin: bytes, end: bytes + body.length, sha1: sha1Hex(body) });
    bytes += body.length;
  }
  return { name: journal.name, generation: journal.generation, bytes, fragments };
}

function bareLeg(form: Leg['form'], server: S3Server, journal: CompactedJournal): Leg {
  const once = async (target: string): Promise<Took> => {
    const directory = await mkdtemp(join(target, 'holdfast-bare-'));
    try {
      const task = { leg: 'bare', journal, directory, parallel, sync: true } as const;
      const { tookMs, syncedMs, memory } = await runReadLeg(server, task);
      await checkContent(directory, journal);
      return { writtenMs: tookMs, syncedMs, memory };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
  const name = `${form}: bare GETs, ${parallel} at a time`;
  return { name, form, plays: false, bytes: journal.bytes, run: once, results: [] };
}

function playLeg(form: Leg['form'], server: S3Server, journal: CompactedJournal, digest: string): Leg {
  const { name, generation, bytes } = journal;
  const once = async (target: string): Promise<Took> => {
    const task = { url: server.url, name, generation };
    const { tookMs, ...rest } = await playInto(target, task, digest, server.credentials());
    return { ...rest, syncedMs: tookMs };
  };
  return { name: `${form}: Holdfast's player`, form, plays: true, bytes, run: once, results: [] };
}

async function legsOf(server: S3Server, store: ObjectStore): Promise<readonly Leg[]> {
  const log = batchesOf(Buffer.concat(logOf('large', undefined, scale)));
  const digest = expectedDigest(log);
  const fragments = await inFragments({ store, name: NAME, generation: 'fragments' }, log);
  const slots = await inSlots({ store, name: NAME, generation: 'slots' }, log);
  return [
    bareLeg('fragments', server, fragments),
    playLeg('fragments', server, fragments, digest),
    bareLeg('slots', server, slots),
    playLeg('slots', server, slots, digest),
  ];
}

const all = (leg: Leg, of: 'writtenMs' | 'syncedMs'): readonly number[] =>
  leg.results.map((each) => each[of]);

/** The player's speed over the bare script's, of one form, at one moment. */
function ratioOf(legs: readonly Leg[], form: Leg['form'], of: 'writtenMs' | 'syncedMs'): number {
  const [bare, play] = [false, true].map((plays) =>
    legs.find((leg) => leg.form === form && leg.plays === plays),
  );
  return middleRatio(all(bare!, of), all(play!, of));
}

function rowOf(legs: readonly Leg[], leg: Leg): Readonly<Record<string, number | string>> {
  const speed = (of: 'writtenMs' | 'syncedMs'): number =>
    mibPerSecond(leg.bytes, summarize(all(leg, of)).p50);
  const { min, max } = summarize(all(leg, 'syncedMs').map((ms) => ms / 1000));
  const seconds = (values: readonly (number | undefined)[]): number | string =>
    leg.plays ? rounded(summarize(values.map((ms) => ms! / 1000)).p50, 2) : '';
  return {
    'written, MiB/s': speed('writtenMs'),
    'synced, MiB/s': speed('syncedMs'),
    'synced, s, min-max': `${min}-${max}`,
    'over bare, written': leg.plays ? ratioOf(legs, leg.form, 'writtenMs') : '',
    'over bare, synced': leg.plays ? ratioOf(legs, leg.form, 'syncedMs') : '',
    'processor, s': seconds(leg.results.map(({ cpuMs }) => cpuMs)),
    'of that JavaScript, s': seconds(leg.results.map(({ threadMs }) => threadMs)),
    'heap with buffers, MiB': Math.max(...leg.results.map(({ memory }) => memory.heap)),
  };
}

const memory = watchMemory();
const legs = await withS3((server) =>
  withStore(server, async (store) => {
    const legs = await legsOf(server, store);
    // beside the server's own data: the same disk, and gone with it however this process ends
    const target = to === '' ? dirname(server.directory) : to;
    for (let round = 0; round < rounds; round++)
      for (const leg of turns(legs, round)) {
        await run('sync');
        leg.results.push(await leg.run(target));
      }
    return legs;
  }),
);
console.log(
  `playing ${rounded(legs[0]!.bytes / 1024 ** 2, 1)} MiB from S3 onto a disk, ${rounds} rounds (versitygw on loopback); medians`,
);
console.table(Object.fromEntries(legs.map((leg) => [leg.name, rowOf(legs, leg)])));
const reaches = (['written', 'synced'] as const).map((moment): Reach => ({
  figure: `fragments, ${moment}: speed over bare GETs`,
  measured: ratioOf(legs, 'fragments', `${moment}Ms`),
  bound: { atLeast: LEAST_RATIO },
}));
await conclude({
  bench: 'recoverylog-s3',
  figures: {
    rounds,
    scale,
    parallel,
    legs: legs.map(({ name, bytes, results }) => ({ name, bytes, results })),
  },
  reaches,
  memory: memory.stop(),
  json,
});
