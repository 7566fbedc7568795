/**
 * One playback of a recovery log into a directory, in a process of its own: to its head, files complete and synced.
 *
 *   node bench/support/play-leg.ts TASK      TASK is a PlayTask as JSON; prints a PlayResult
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Player } from '../../src/recoverylog/index.ts';
import { openStore } from '../../src/store/index.ts';
import { PORTS } from './journal.ts';
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

const sumMs = ({ user, system }: NodeJS.CpuUsage): number => Math.round((user + system) / 1000);

async function play({ url, name, generation, directory }: PlayTask): Promise<PlayResult> {
  const store = openStore(url);
  const watch = watchMemory();
  try {
    const [startMs, cpu, thread] = [performance.now(), process.cpuUsage(), process.threadCpuUsage()];
    const player = new Player({
      journal: { store, name, generation },
      hints: undefined,
      expectHistory: true,
      dir: directory,
      ...PORTS,
    });
    player.run().catch(() => undefined); // finish tells
    await player.finish();
    return {
      tookMs: performance.now() - startMs,
      cpuMs: sumMs(process.cpuUsage(cpu)),
      threadMs: sumMs(process.threadCpuUsage(thread)),
      memory: watch.stop(),
    };
  } finally {
    await store.close();
  }
}

if (import.meta.main) console.log(JSON.stringify(await play(JSON.parse(process.argv[2]!) as PlayTask)));
