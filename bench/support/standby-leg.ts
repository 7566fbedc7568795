/**
 * A standby in a process of its own: it follows a log, notes what it has applied when, and takes the log over when it is told to. Credentials come from the
 * environment.
 *
 *   node bench/support/standby-leg.ts TASK      TASK is a PlayTask as JSON; talks to whoever has forked it (startStandby)
 *
 * 1. Something counts as applied when the player says so: everything below that offset is in the local files.
 * 2. A promotion lasts from the order to the directory being live, with the no-op behind the fence durable. Bytes are those that came from the store in
 *    that time, whatever for.
 * 3. It ends with its parent.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createMetrics } from '../../src/base/index.ts';
import { Player } from '../../src/recoverylog/index.ts';
import { openStore } from '../../src/store/index.ts';
import { bytesRead, PORTS } from './journal.ts';
import { machineMs, type Mark } from './lag.ts';
import type { PlayTask } from './play-leg.ts';
import { watchMemory, type PeakMemory } from './report.ts';

export interface Promotion {
  readonly tookMs: number;
  /** Of these: to the fence, and from there to being live. */
  readonly fenceMs: number;
  readonly replayMs: number;
  /** What of the log was not applied when the order came: up to the fence, bytes. */
  readonly restBytes: number;
  /** From the store (2). */
  readonly bytes: number;
}

export interface StandbyReport {
  readonly applied: readonly Mark[];
  readonly promotion: Promotion;
  readonly memory: PeakMemory;
}

export interface Standby {
  /** Makes it the primary; it ends when that is done and told. */
  promote(): Promise<StandbyReport>;
  /** Ends it, whatever it does. Idempotent. */
  kill(): void;
}

const AUTHOR = 2;
const TERM = 2;

/** Starts a standby; resolves when it has come to the head of the log. @throws when it ends before, as do the methods of what this returns */
export async function startStandby(task: PlayTask, env: Readonly<Record<string, string>>): Promise<Standby> {
  const child = fork(import.meta.filename, [JSON.stringify(task)], { env: { ...process.env, ...env } });
  const exited = once(child, 'exit');
  const died = exited.then(([code, signal]: unknown[]): never => {
    throw new Error(`the standby has ended: ${String(code ?? signal)}`);
  });
  died.catch(() => undefined); // told to whoever waits for news
  const news = async <T>(): Promise<T> => (await Promise.race([once(child, 'message'), died]))[0] as T;
  await news<'tailing'>();
  return {
    promote: async () => {
      child.send('promote');
      const report = await news<StandbyReport>();
      child.disconnect();
      await exited;
      return report;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

async function tell(news: 'tailing' | StandbyReport): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.send!(news, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}

async function stand({ url, name, generation, directory }: PlayTask): Promise<void> {
  const watch = watchMemory();
  const metrics = createMetrics();
  const store = openStore(url, { metrics });
  const applied: Mark[] = [];
  const player: Player = new Player({
    journal: { store, name, generation },
    hints: undefined,
    expectHistory: false,
    dir: directory,
    onProgress: () => applied.push({ offset: player.progress.appliedOffset, atMs: machineMs() }), // 1
    ...PORTS,
  });
  const running = player.run();
  await Promise.race([player.tailing, running]);
  const ordered = once(process, 'message');
  await tell('tailing');
  await Promise.race([ordered, running]);
  const bytesBefore = await bytesRead(metrics);
  const { appliedOffset } = player.progress;
  const startMs = machineMs();
  const { session, fenceMs, replayMs } = await player.handoff({ author: AUTHOR, term: TERM });
  const promotion: Promotion = {
    tookMs: machineMs() - startMs,
    fenceMs,
    replayMs,
    restBytes: session.fenceOffset - appliedOffset,
    bytes: (await bytesRead(metrics)) - bytesBefore,
  };
  const memory = watch.stop();
  await session.close();
  await store.close();
  await tell({ applied, promotion, memory });
}

if (import.meta.main) {
  process.once('disconnect', () => process.exit()); // 3
  await stand(JSON.parse(process.argv[2]!) as PlayTask);
}
