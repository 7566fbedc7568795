/**
 * state-at-head: the state of a log that was played to its head, without a primary: to be looked at, or exported.
 *
 * A1  It is what a primary that opened the log here would begin with, of the index and the term of the log's last entry. Nothing is proposed.
 */
import { silentLogger, type Logger } from '../base/index.ts';
import type { RecordedFs } from '../recoverylog/index.ts';
import type { AppliedState } from './applied-state.ts';
import { StateMissingError } from './errors.ts';
import type { Follower } from './follower.ts';
import { openFollowed, saveWhole } from './opened-state.ts';
import type { SnapshotCollector } from './ports.ts';
import type { Place } from './position.ts';
import type { MachineKind, WriteChunk } from './types.ts';

export interface StateAtHeadOptions<Query, Answer, View> {
  /** Of the log, which nobody writes to any more; it is used up. */
  readonly follower: Follower<Query, Answer, View>;
  /** Where the machine's files are. */
  readonly fs: RecordedFs;
  readonly log?: Logger;
}

export class StateAtHead<Query, Answer, View> {
  readonly #state: AppliedState<Query, Answer, View>;

  private constructor(state: AppliedState<Query, Answer, View>) {
    this.#state = state;
  }

  /**
   * Applies what is left of the log, and opens an on-disk machine.
   * @throws StateMissingError, SnapshotKindError, StateDamagedError, StateBehindError, HistoryBrokenError, MachineFailedError, the signal's reason
   */
  static async open<Query, Answer, View>(
    { follower, fs, log = silentLogger }: StateAtHeadOptions<Query, Answer, View>,
    signal: AbortSignal,
  ): Promise<StateAtHead<Query, Answer, View>> {
    const followed = await follower.finish(signal);
    if (!followed.place) throw new StateMissingError();
    return new StateAtHead(await openFollowed(followed, { fs, log }, signal));
  }

  get kind(): MachineKind {
    return this.#state.machine.kind;
  }

  /** Writes the whole state (export.ts). @throws what the machine throws, the signal's reason */
  async save(write: WriteChunk, signal: AbortSignal, files: SnapshotCollector): Promise<Place> {
    return await saveWhole(this.#state, write, signal, files);
  }

  /** Closes the machine. */
  async close(): Promise<void> {
    await this.#state.close();
  }
}
