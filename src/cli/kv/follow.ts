/**
 * holdfast kv follow: a read replica as a process of its own.
 *
 * 1. It ends with EXIT.ok when it is asked to, with EXIT.configuration when its flags make no sense or it cannot listen, and with EXIT.internal when its own files take
 *    nothing more: whoever starts it again finds out whether they do now.
 */
import { once } from 'node:events';
import { EXIT } from '../../api/index.ts';
import {
  createMetrics,
  ensureError,
  errorCode,
  HeapWatch,
  stopSignal,
  systemClock,
  systemRandom,
} from '../../base/index.ts';
import { openReplicaEngine, ReadReplica } from '../../kvstore/index.ts';
import { loggerOf, type LogFlags } from '../server-flags.ts';

export interface FollowFlags extends LogFlags {
  readonly from: readonly (readonly URL[])[];
  readonly listen: { readonly host: string; readonly port: number };
  readonly engine: 'memory' | 'sqlite';
  readonly dir?: string;
  readonly pollIntervalMs: number;
  readonly maxLag: number;
  readonly maxAgeMs?: number;
}

/** The machine does not let it listen where it was told to. */
const CANNOT_LISTEN = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND']);

/** @returns the exit code */
export async function follow(flags: FollowFlags): Promise<number> {
  const { dir, engine: kind } = flags;
  if ((kind === 'sqlite') !== (dir !== undefined)) {
    console.error('Give --dir with --engine sqlite, and only with it.');
    return EXIT.configuration;
  }
  const log = loggerOf(flags);
  const signal = stopSignal(log, EXIT.internal);
  const heap = new HeapWatch(systemClock);
  heap.start();
  let replica: ReadReplica | undefined;
  try {
    replica = new ReadReplica({
      engine: await openReplicaEngine(dir, systemClock),
      sources: flags.from,
      ...flags.listen,
      pollIntervalMs: flags.pollIntervalMs,
      health: { maxLag: flags.maxLag, ...(flags.maxAgeMs === undefined ? {} : { maxAgeMs: flags.maxAgeMs }) },
      clock: systemClock,
      random: systemRandom,
      log,
      metrics: createMetrics({ processMetrics: true }),
    });
    const { port } = await replica.start();
    log.info('The read replica listens.', { port });
    const asked = signal.aborted ? undefined : once(signal, 'abort').then(() => undefined);
    const failure = await Promise.race([asked, replica.failed]);
    if (failure === undefined) return EXIT.ok;
    log.error('The files of this read replica take nothing more.', { error: failure });
    return EXIT.internal;
  } catch (error) {
    log.error('The read replica cannot start.', { error: ensureError(error) });
    return CANNOT_LISTEN.has(errorCode(error) ?? '') ? EXIT.configuration : EXIT.internal;
  } finally {
    heap.stop();
    await replica?.close();
  }
}
