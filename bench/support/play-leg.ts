/**
 * One playback of a recovery log into a directory, in a process of its own: to its head, files complete and synced. Credentials come from the environment.
 * One request goes before the clock starts: with it the client of a store loads the rest of itself.
 *
 *   node bench/support/play-leg.ts TASK      TASK is a PlayTask as JSON; prints a PlayResult
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createMetrics } from '../../src/base/index.ts';
import { slotKey } from '../../src/journal/index.ts';
import { Player } from '../../src/recoverylog/index.ts';
import { openStore } from '../../src/store/index.ts';
import { bytesRead, PORTS } from './journal.ts';
import { profiled } from './profile.ts';
import { watchMemory, type PeakMemory } from './report.ts';

/** The journal that benches play. */
export const NAME = 'bench/recovery-log';

export interface PlayTask {
  /** The store, as a URL, and the journal in it. */
  readonly url: string;
  readonly name: string;
  readonly generation: string;
  readonly directory: string;
}

export interface PlayResult {
  readonly tookMs: number;
  /** Until the proven head was reached with all content in the files, which have neither their names nor a sync yet. */
  readonly writtenMs: number;
  /** From the store. */
  readonly bytes: number;
  /** Of the processor while it played: all threads, and the one that JavaScript runs on. No other process on a busy machine moves them much. */
  readonly cpuMs: number;
  readonly threadMs: number;
  readonly memory: PeakMemory;
}

/** Path and SHA-256 of every file below a directory, in one digest. */
export async function treeDigest(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const all = createHash('sha256');
  for (const file of files.sort()) {
    const one = createHash('sha256');
    for await (const chunk of createReadStream(file)) one.update(chunk as Uint8Array);
    all.update(`${file.slice(directory.length)} ${one.digest('hex')}\n`);
  }
  return all.digest('hex');
}

/**
 * Plays in a process of its own, into a directory below `scratch` that is removed afterwards.
 * @throws when the files are not those of `digest` (treeDigest)
 */
export async function playInto(
  scratch: string,
  task: Omit<PlayTask, 'directory'>,
  digest: string,
  env: Readonly<Record<string, string>> = {},
): Promise<PlayResult> {
  const directory = await mkdtemp(join(scratch, 'holdfast-played-'));
  try {
    const argv = [import.meta.filename, JSON.stringify({ ...task, directory })];
    const { stdout } = await promisify(execFile)(process.execPath, argv, { env: { ...process.env, ...env } });
    if ((await treeDigest(directory)) !== digest)
      throw new Error(`the files of ${task.name} are not what the log says`);
    return JSON.parse(stdout) as PlayResult;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const sumMs = ({ user, system }: NodeJS.CpuUsage): number => Math.round((user + system) / 1000);

async function play({ url, name, generation, directory }: PlayTask): Promise<PlayResult> {
  const metrics = createMetrics();
  const store = openStore(url, { metrics });
  const journal = { store, name, generation };
  const watch = watchMemory();
  try {
    await store.head(slotKey(journal, 0));
    const [startMs, cpu, thread] = [performance.now(), process.cpuUsage(), process.threadCpuUsage()];
    const player = new Player({
      journal,
      hints: undefined,
      expectHistory: true,
      dir: directory,
      ...PORTS,
    });
    const writtenMs = await profiled(async () => {
      const running = player.run();
      await Promise.race([player.tailing, running]);
      const writtenAt = performance.now();
      await player.finish();
      return writtenAt - startMs;
    });
    return {
      tookMs: performance.now() - startMs,
      writtenMs,
      bytes: await bytesRead(metrics),
      cpuMs: sumMs(process.cpuUsage(cpu)),
      threadMs: sumMs(process.threadCpuUsage(thread)),
      memory: watch.stop(),
    };
  } finally {
    await store.close();
  }
}

if (import.meta.main) console.log(JSON.stringify(await play(JSON.parse(process.argv[2]!) as PlayTask)));
