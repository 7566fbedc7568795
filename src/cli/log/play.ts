/**
 * holdfast log play: restores the files of a log into a directory, as they are at its head.
 *
 * 1. A directory that holds something is refused, or with --force emptied first.
 * 2. Whatever ends the command before the files are whole and durable, a signal too, leaves nothing of them. The report comes after that.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EXIT } from '../../api/index.ts';
import { Player, type Fsm } from '../../recoverylog/index.ts';
import { formatBytes, formatDuration, plural } from '../format.ts';
import { Progress } from '../progress.ts';
import type { Context } from '../run.ts';
import { clear, prepare } from './directory.ts';
import { runOnLog, type LogOptions, type OpenedLog } from './source.ts';

export interface PlayOptions extends LogOptions {
  readonly out: string;
  /** 1 */
  readonly force?: boolean;
}

interface RestoredFile {
  readonly path: string;
  readonly size: number;
  /** With --json only: it costs reading everything again. */
  readonly sha256?: string;
}

/** @returns the exit code */
export async function play(options: PlayOptions): Promise<number> {
  return await runOnLog(options, async (log, context) => {
    const dir = resolve(options.out);
    const isNew = await prepare(dir, options.force ?? false);
    const startedMs = context.clock.monotonicMs();
    const { fsm, files } = await restored(log, dir, context, options.json ?? false).catch(
      async (error: unknown) => {
        await clear(dir, isNew); // 2
        throw error;
      },
    );
    const { nextSeqNo, nextChecksum } = fsm;
    if (options.json) {
      await context.out.json({ files, nextSeqNo, nextChecksum });
      return EXIT.ok;
    }
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const took = formatDuration(context.clock.monotonicMs() - startedMs);
    await context.out.line(
      `restored ${plural(files.length, 'file')}, ${formatBytes(bytes)}, into ${dir} in ${took}; the log goes on with operation ${nextSeqNo}, checksum ${nextChecksum.toString(16).padStart(8, '0')}`,
    );
    return EXIT.ok;
  });
}

/** The files, whole and durable, in the order of their paths. */
async function restored(
  log: OpenedLog,
  dir: string,
  context: Context,
  withDigests: boolean,
): Promise<{ readonly fsm: Fsm; readonly files: readonly RestoredFile[] }> {
  const fsm = await restore(log, dir, context);
  const files: RestoredFile[] = [];
  for (const path of [...fsm.links.keys(), ...fsm.properties.keys()].sort(byBytes)) {
    context.signal.throwIfAborted();
    const file = join(dir, path);
    const { size } = await stat(file);
    files.push(withDigests ? { path, size, sha256: await digestOf(file) } : { path, size });
  }
  return { fsm, files };
}

async function restore({ journal, hints, openLog }: OpenedLog, dir: string, context: Context): Promise<Fsm> {
  const { clock, random, log, signal } = context;
  const progress = new Progress(process.stderr, clock, 'restored');
  const player: Player = new Player({
    journal,
    hints: hints[0]?.hints,
    openLog,
    expectHistory: hints.length > 0,
    dir,
    clock,
    random,
    log,
    onProgress: () => {
      const { bytesDone, bytesTotal } = player.progress;
      progress.update(bytesDone, bytesTotal);
    },
  });
  try {
    player.run(signal).catch(() => undefined); // finish tells
    const fsm = await player.finish();
    signal.throwIfAborted();
    return fsm;
  } finally {
    progress.clear();
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
