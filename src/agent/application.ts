/**
 * What an application must be to run in an agent: the only thing the agent knows of it (DESIGN §4.4).
 *
 * The agent calls, in this order: start once; follow once, when the restore begins; open at most once, when promoted; checkpoint
 * any number of times while open; drain before a clean release; close exactly once, whatever happened before.
 */
import type { Clock, HoldfastError, Logger, Metrics, Random } from '../base/index.ts';
import type { SessionEnd } from '../journal/index.ts';
import type { LiveDirectory, RecordedFs } from '../recoverylog/index.ts';

export interface ApplicationContext {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  /** How far the local copy is behind the head of the log, as last seen; undefined while unknown. */
  lag(): { readonly bytes: number; readonly sinceMs: number } | undefined;
}

export interface PrimaryContext {
  /** The live directory; everything written through `fs` is recorded. */
  readonly dir: string;
  readonly fs: RecordedFs;
  readonly live: LiveDirectory;
  readonly term: number;
  /** Resolves once a read that arrived before the call may be answered (s3log.md §6.4c). */
  readIndex(signal?: AbortSignal): Promise<void>;
  /** Settles when the right to append has ended; from then on the application answers nothing from its state. */
  readonly ended: Promise<SessionEnd>;
}

export interface Application {
  /** Settles when the application can go on no more by itself (its state is damaged, its machine has stopped); never rejects. */
  readonly failed: Promise<HoldfastError>;
  /** Listens. Until `open` it may serve stale reads at most. Resolves with the port in use. */
  start(context: ApplicationContext): Promise<{ readonly port: number }>;
  /**
   * The directory as it is restored and followed: a standby's view. A restore that has to begin anew from other hints looks like files that are unlinked and
   * made again, from an earlier point of the same history.
   */
  follow(live: LiveDirectory): Promise<void>;
  /** Takes over: applies what is left, then serves. Resolves when requests are served. */
  open(primary: PrimaryContext): Promise<void>;
  /** Makes recovery cheaper (a snapshot of state). Needs `open`. */
  checkpoint(signal?: AbortSignal): Promise<void>;
  /** Refuses new writes and finishes those under way, so that the log can be released without an unanswered write. */
  drain(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
  /**
   * Digest of the state as it is here now, its index first: equal on every replica at one index (DESIGN I7). Takes time in proportion to the state.
   * An application without one leaves it out. @throws while there is no state to digest
   */
  stateHash?(): Promise<string>;
}
