/**
 * One replica below its application: a player and a follower while it is a standby, a runtime once it is promoted. Real files, real log.
 */
import { join } from 'node:path';
import { systemClock } from '../../base/index.ts';
import type { SessionOptions } from '../../journal/index.ts';
import { Player, type FsmHints, type TakenOver } from '../../recoverylog/index.ts';
import { newLog, withTempDir, type PlainLog, type TestLog } from '../../recoverylog/testing/index.ts';
import { Follower, type Followed } from '../follower.ts';
import { Runtime } from '../runtime.ts';
import type { StateMachine } from '../types.ts';
import { ListMachine } from './list-machine.ts';

export interface PromoteOptions {
  readonly snapshotAfterBytes?: number;
  readonly session?: Partial<SessionOptions>;
  readonly signal?: AbortSignal;
  /** Runs when the log has been taken over and the state not yet. */
  readonly beforeOpen?: () => void | Promise<void>;
}

let authors = 5000;
let directories = 0;

/** A machine that holds a list, whatever its kind. */
type AnyList = StateMachine<void, Texts | Promise<Texts>, Texts>;
type Texts = readonly string[];
/** What lookups of a machine answer. */
type AnswerOf<M extends AnyList> = ReturnType<M['lookup']>;

export class TestReplica<M extends AnyList = ListMachine> {
  readonly machine: M;
  readonly follower: Follower<void, AnswerOf<M>, Texts>;
  readonly player: Player;
  readonly dir: string;
  readonly #log: PlainLog;
  readonly #stop = new AbortController();
  readonly #playing: Promise<void>;
  taken: TakenOver | undefined;
  runtime: Runtime<void, AnswerOf<M>, Texts> | undefined;

  private constructor(log: PlainLog, dir: string, machine: M, hints: FsmHints | undefined) {
    const { journal, clock, random } = log;
    this.machine = machine;
    this.#log = log;
    this.dir = dir;
    this.player = new Player({ journal, hints, expectHistory: false, dir, clock, random });
    const followed = machine as unknown as StateMachine<void, AnswerOf<M>, Texts>; // M answers what it answers
    this.follower = Follower.start({ machine: followed, live: this.player.live, clock });
    this.#playing = this.player.run(this.#stop.signal);
    this.#playing.catch(() => undefined); // `start` and `close` tell
  }

  /** Starts as a standby; resolves when the log was played to its end. */
  static async start<M extends AnyList>(
    log: PlainLog,
    dir: string,
    machine: M,
    hints?: FsmHints,
  ): Promise<TestReplica<M>> {
    const replica = new TestReplica(log, join(dir, `replica-${directories++}`), machine, hints);
    await Promise.race([replica.player.tailing, replica.#playing]);
    return replica;
  }

  /**
   * Plays a log that nobody writes to any more, and lets the follower apply all of it. For replicas that were started after the last write.
   * @throws what ended following
   */
  async replayed(): Promise<Followed<void, AnswerOf<M>, Texts>> {
    await this.player.finish();
    return await this.follower.finish();
  }

  async promote(term: number, options: PromoteOptions = {}): Promise<Runtime<void, AnswerOf<M>, Texts>> {
    const { session, signal, beforeOpen, ...rest } = options;
    this.taken = await this.player.handoff({
      author: authors++,
      term,
      session: { flushIntervalMs: 1, ...session },
    });
    await beforeOpen?.();
    const { follower } = this;
    const { fs } = this.taken;
    this.runtime = await Runtime.open({ ...rest, follower, fs, term, clock: this.#log.clock }, signal);
    return this.runtime;
  }

  /** The process dies: nothing more of it reaches the log. */
  async crash(): Promise<void> {
    this.taken?.session.abandon('the test kills it');
    await this.close();
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    await (this.runtime ?? this.follower).close();
    await this.taken?.session.close().catch(() => undefined); // it may have been abandoned
    await this.#playing.catch(() => undefined);
  }
}

/** Starts a replica of the test's log. */
export type StartReplica<M extends AnyList = ListMachine> = (hints?: FsmHints) => Promise<TestReplica<M>>;

/** Runs with replicas of one log, and ends every one that was started, however the test ends. */
export async function withReplicas(
  use: (start: StartReplica, log: TestLog) => Promise<void>,
  log: TestLog = newLog(),
): Promise<void> {
  await withReplicasOf(() => new ListMachine(), use, log);
}

/** The same with machines of any kind. */
export async function withReplicasOf<M extends AnyList>(
  make: () => M,
  use: (start: StartReplica<M>, log: TestLog) => Promise<void>,
  log: TestLog = newLog(),
): Promise<void> {
  await withTempDir(async (dir) => {
    const replicas: TestReplica<M>[] = [];
    const start: StartReplica<M> = async (hints) => {
      const replica = await TestReplica.start(log, dir, make(), hints);
      replicas.push(replica);
      return replica;
    };
    try {
      await use(start, log);
    } finally {
      for (const replica of replicas) await replica.crash();
    }
  });
}

/** Resolves when it holds; the test's own time limit ends a wait for what never does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await systemClock.sleep(2);
}
