/**
 * One replica below its application: a player and a follower while it is a standby, a runtime once it is promoted. Real files, real log.
 */
import { join } from 'node:path';
import { Player, type FsmHints, type TakenOver } from '../../recoverylog/index.ts';
import type { TestLog } from '../../recoverylog/testing/index.ts';
import { Follower } from '../follower.ts';
import { Runtime } from '../runtime.ts';
import { ListMachine } from './list-machine.ts';

/** A follower that has not moved for this long has nothing left to apply, ms: it reads a local file that is complete. */
const SETTLE_MS = 30;
let authors = 5000;
let directories = 0;

export class TestReplica {
  readonly machine: ListMachine = new ListMachine();
  readonly follower: Follower<void, readonly string[], readonly string[]>;
  readonly player: Player;
  readonly #log: TestLog;
  readonly #stop = new AbortController();
  readonly #playing: Promise<void>;
  taken: TakenOver | undefined;
  runtime: Runtime<void, readonly string[], readonly string[]> | undefined;

  private constructor(log: TestLog, dir: string, hints: FsmHints | undefined) {
    const { journal, clock, random } = log;
    this.#log = log;
    this.player = new Player({ journal, hints, expectHistory: false, dir, clock, random });
    this.follower = Follower.start({ machine: this.machine, live: this.player.live, clock });
    this.#playing = this.player.run(this.#stop.signal);
    this.#playing.catch(() => undefined); // `start` and `close` tell
  }

  /** Starts as a standby; resolves when the log was played to its end. */
  static async start(log: TestLog, dir: string, hints?: FsmHints): Promise<TestReplica> {
    const replica = new TestReplica(log, join(dir, `replica-${directories++}`), hints);
    await Promise.race([replica.player.tailing, replica.#playing]);
    return replica;
  }

  /** Resolves when the follower has applied everything that the player has written. @throws what ended following */
  async settled(): Promise<void> {
    let before = -1;
    while (before !== this.follower.appliedIndex) {
      before = this.follower.appliedIndex;
      await this.#log.clock.sleep(SETTLE_MS);
    }
    const failed = await Promise.race([this.follower.failed, this.#log.clock.sleep(0)]);
    if (failed) throw failed;
  }

  async promote(
    term: number,
    options: { readonly snapshotAfterBytes?: number } = {},
  ): Promise<Runtime<void, readonly string[], readonly string[]>> {
    this.taken = await this.player.handoff({ author: authors++, term, session: { flushIntervalMs: 1 } });
    const { follower } = this;
    this.runtime = await Runtime.open({
      ...options,
      follower,
      fs: this.taken.fs,
      term,
      clock: this.#log.clock,
    });
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
