/**
 * One replica of a shard in virtual time, on a disk that may fail it: a player and a follower while it is a standby, a runtime once it is promoted.
 */
import type { CalmJournal } from '../../../src/journal/testing/index.ts';
import { Player, type FsmHints, type TakenOver } from '../../../src/recoverylog/index.ts';
import { diskOn, localFsOn } from '../../../src/recoverylog/testing/index.ts';
import { Follower, Runtime } from '../../../src/statemachine/index.ts';
import type { List, ListMachine } from './list-machines.ts';
import type { DiskProcess } from './volume.ts';

/** Where every replica has its files, on a disk of its own. */
export const DIR = '/shard';

export class DiskReplica {
  readonly disk: DiskProcess;
  readonly player: Player;
  readonly follower: Follower<void, List, List>;
  taken: TakenOver | undefined;
  runtime: Runtime<void, List, List> | undefined;
  readonly #log: CalmJournal;
  readonly #machine: ListMachine;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(log: CalmJournal, disk: DiskProcess, machine: ListMachine, hints?: FsmHints) {
    const { journal, clock, random } = log;
    const { files } = disk;
    this.#log = log;
    this.#machine = machine;
    this.disk = disk;
    this.player = new Player({
      journal,
      hints,
      expectHistory: false,
      dir: DIR,
      clock,
      random,
      fs: localFsOn(files),
      disk: diskOn(files),
    });
    this.follower = Follower.start({ machine, live: this.player.live, clock, files });
    this.#running = this.player.run(this.#stop.signal);
    this.#running.catch(() => undefined); // `ended` tells
  }

  /** Resolves when the log was played to its end. @throws what ended playing or following before */
  async tailing(): Promise<void> {
    await Promise.race([this.player.tailing, this.ended()]);
  }

  /** Rejects with what ends playing or following, or the runtime; never resolves. */
  async ended(): Promise<never> {
    const failed = this.follower.failed.then((error) => Promise.reject(error));
    const running = this.#running.then(() => new Promise<never>(() => undefined));
    return await Promise.race([failed, running]);
  }

  async promote(term: number, author: number): Promise<Runtime<void, List, List>> {
    this.taken = await this.player.handoff({ author, term, session: { flushIntervalMs: 1 } });
    const { follower } = this;
    const { fs } = this.taken;
    this.runtime = await Runtime.open({ follower, fs, term, clock: this.#log.clock });
    return this.runtime;
  }

  /**
   * Plays a log that nobody writes to any more, and applies all of it. An on-disk machine is opened by a primary only, so it becomes one, of `term`; then
   * there is no hash to compare, since it adds an entry. @throws what ended playing or following
   */
  async replayed(
    term: number,
    author: number,
  ): Promise<{ readonly list: List; readonly hash: string | undefined }> {
    if (this.#machine.kind === 'on-disk') {
      await this.tailing();
      const runtime = await this.promote(term, author);
      return { list: runtime.lookup(), hash: undefined };
    }
    await this.player.finish();
    const { state } = await this.follower.finish();
    return { list: state!.lookup(), hash: await state!.stateHash() };
  }

  /** The process dies: nothing more of it reaches the log, and what it has under way comes to an end. */
  async crash(): Promise<void> {
    this.taken?.session.abandon('the process dies');
    await this.close();
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the story is over'));
    await (this.runtime ?? this.follower).close();
    await this.taken?.session.close().catch(() => undefined); // it may have been abandoned
    await this.#running.catch(() => undefined); // told by `ended`
  }
}
