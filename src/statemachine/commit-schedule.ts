/**
 * commit-schedule: when an on-disk machine commits what it has applied. What it has not committed is in the log, and is applied again by whoever opens it
 * next; so commits are for the length of a takeover, never for safety.
 *
 * S1  Commits when much was applied since the last one (limits: COMMIT_AFTER_COMMANDS, COMMIT_AFTER_BYTES), when the machine has much to write
 *     (COMMIT_AFTER_PENDING_BYTES), or when COMMIT_AFTER_MS have gone by.
 * S2  A failed commit is told, once; what the machine's files hold then is unknown.
 */
import type { Clock, Timer } from '../base/index.ts';
import type { AppliedState } from './applied-state.ts';
import {
  COMMIT_AFTER_BYTES,
  COMMIT_AFTER_COMMANDS,
  COMMIT_AFTER_MS,
  COMMIT_AFTER_PENDING_BYTES,
} from './limits.ts';

type Committing = Pick<AppliedState<never, unknown, unknown>, 'uncommitted' | 'commit'>;

/** Whether so much was applied that it is time to commit. */
export function isCommitDue({ commands, bytes, pendingBytes }: Committing['uncommitted']): boolean {
  if (commands >= COMMIT_AFTER_COMMANDS || bytes >= COMMIT_AFTER_BYTES) return true;
  return pendingBytes >= COMMIT_AFTER_PENDING_BYTES;
}

export class CommitSchedule {
  readonly #state: Committing;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  #timer: Timer | undefined;
  #stopped = false;

  /** @param failed is told of a commit that failed (S2) */
  constructor(state: Committing, clock: Clock, failed: (error: unknown) => void) {
    this.#state = state;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Something was applied. @returns what to wait for before the next is, if anything; it never rejects */
  applied(): Promise<void> | undefined {
    const { uncommitted } = this.#state;
    if (this.#stopped || uncommitted.commands === 0) return undefined;
    if (isCommitDue(uncommitted)) return this.now().catch(() => undefined); // told already (S2)
    this.#timer ??= this.#clock.timer(COMMIT_AFTER_MS, () => {
      this.#timer = undefined;
      // Told already (S2).
      void this.now().catch(() => undefined);
    });
    return undefined;
  }

  /** Commits what there is. @throws MachineFailedError, ReplicaStoppedError */
  async now(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    try {
      await this.#state.commit();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Commits nothing by itself any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
