/**
 * The logs that are played: Gazette's own bytes where its bench is at hand, else bytes of the same workloads made here; each in a store of its own, as
 * compaction leaves it.
 */
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemRandom } from '../../src/base/index.ts';
import { compactJournal, START, type Journal } from '../../src/journal/index.ts';
import { naivePlay, workloadLog, type Workload } from '../../src/recoverylog/testing/index.ts';
import { openStore } from '../../src/store/index.ts';
import { openBehind, PORTS } from './journal.ts';
import { NAME, type PlayTask } from './play-leg.ts';

const run = promisify(execFile);
const BATCH_BYTES: number = 4 * 1024 * 1024;
/** Where the original's bench is; absent without it. */
const PEER = process.env['HOLDFAST_GAZETTE_BENCH'];

export const peerIsPresent: boolean = PEER !== undefined;

/** One run of the original over all workloads, in `scratch`: seconds that it took to play each from its files; keeps the logs in `keep`. */
export async function runPeer(
  workloads: readonly Workload[],
  scratch: string,
  keep: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  const directory = join(scratch, 'peer');
  const out = join(directory, 'figures.jsonl');
  await mkdir(directory, { recursive: true });
  const kept = keep === undefined ? [] : ['-keep', keep];
  if (keep !== undefined) await mkdir(keep, { recursive: true });
  const env = { ...process.env, TMPDIR: directory, GOMAXPROCS: '2' };
  await run(PEER!, ['-runs', '1', '-dir', directory, '-out', out, ...kept, ...workloads], { env });
  const lines = (await readFile(out, 'utf8')).trim().split('\n');
  await rm(directory, { recursive: true, force: true });
  const figures = lines.map(
    (line) => JSON.parse(line) as { workload: string; what: string; seconds: number },
  );
  return Object.fromEntries(
    figures
      .filter(({ what }) => what === 'play direct no-hints')
      .map(({ workload, seconds }) => [workload, seconds]),
  );
}

/** Bytes of a workload's log: what the original has kept, or made here. */
export function logOf(workload: Workload, keep: string | undefined, scale: number): readonly Uint8Array[] {
  if (keep === undefined) return workloadLog(workload, (length) => systemRandom.bytes(length), scale);
  return batchesOf(readFileSync(join(keep, `${workload}.log`)));
}

/** The bytes of a log in batches that fill a slot each, wherever that cuts it. */
export function batchesOf(log: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(log.length / BATCH_BYTES) }, (_, i) =>
    log.subarray(i * BATCH_BYTES, (i + 1) * BATCH_BYTES),
  );
}

/** Path and SHA-256 of every file that the log comes to, in one digest, as treeDigest of play-leg.ts. */
export function expectedDigest(batches: readonly Uint8Array[]): string {
  const all = createHash('sha256');
  const files = [...naivePlay(NAME, batches)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, content] of files)
    all.update(`${path} ${createHash('sha256').update(content).digest('hex')}\n`);
  return all.digest('hex');
}

/** Puts the log into slots, as it is. */
export async function fillJournal(journal: Journal, batches: readonly Uint8Array[]): Promise<void> {
  const session = await openBehind(journal, START, { compression: 'raw', flushIntervalMs: 0 });
  for (const batch of batches) {
    await session.whenWritable();
    session.append(batch);
  }
  await session.barrier();
  await session.close();
}

/** A store in `root` that holds the log in raw fragments, and nothing in slots. */
export async function storedLog(
  batches: readonly Uint8Array[],
  root: string,
): Promise<Omit<PlayTask, 'directory'>> {
  await mkdir(root, { recursive: true });
  const url = `file://${root}`;
  const store = openStore(url);
  try {
    const journal = { store, name: NAME, generation: 'g1' };
    await fillJournal(journal, batches);
    await compactJournal(journal, { term: 2, options: { compression: 'raw' }, ...PORTS });
    return { url, name: NAME, generation: 'g1' };
  } finally {
    await store.close();
  }
}
