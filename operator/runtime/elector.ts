/**
 * Leader election on a Lease, with client-go's semantics.
 *
 * E1  Others' leases are timed by the local monotonic clock from when a change of the record was seen; the times written in it are never read.
 * E2  The leader counts its renewal from before it was sent, so it gives up at the latest renewDeadline after a moment that others count
 *     from later; renewDeadline < lease, hence no two processes lead at once as long as neither is paused.
 * E3  A paused process can wake up after its lease has gone: isLeader() compares with the clock at each call, and what must never happen
 *     twice is guarded elsewhere (resourceVersion compare, the log's fence). A lease is no fence.
 * E4  On stop the lease is kept and renewed until the led work has ended, and only then released. A lost lease is not waited for: the
 *     process has to exit.
 * E5  A write whose answer was lost may have landed: the next attempt reads first.
 */
import {
  assert,
  backoffMs,
  deadline,
  ensureError,
  HoldfastError,
  isAbortOf,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../../src/base/index.ts';
import type { LeaderSignals } from './controller.ts';
import {
  checkElectionTiming,
  ELECTION_TIMING,
  RETRY_JITTER,
  type ElectionTiming,
} from './election-timing.ts';
import { runtimeMetrics, type RuntimeMetrics } from './metrics.ts';
import type { LeaseRecord, LeaseStore, LeaseWrite, ObservedLease } from './ports.ts';

/** Why a leader must stop at once. */
export class LeaseLostError extends HoldfastError {
  constructor(why: string, holder: string) {
    super('LEASE_LOST', `This process no longer leads: ${why}. It exits and starts again as a follower.`, {
      fields: { why, holder },
    });
  }
}

export type ElectionEnd =
  /** Asked to stop; `released`: the lease was given back, or never held. */
  | { readonly kind: 'stopped'; readonly released: boolean }
  | { readonly kind: 'lost'; readonly error: LeaseLostError }
  /** The led work ended by itself, which it never should. */
  | { readonly kind: 'ended'; readonly error: Error | undefined };

export interface ElectorOptions {
  readonly lease: LeaseStore;
  /** Unique to this process, not to this pod: a restarted container must not be taken for its predecessor. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  readonly timing?: ElectionTiming | undefined;
}

interface Observation {
  readonly lease: ObservedLease;
  /** When this content was first seen, monotonic ms (E1). */
  readonly sinceMs: number;
}

type Attempt = 'held' | 'heldByOther';

/** Longest wait of one request: a hung connection must leave time for another try before the deadline. */
const ATTEMPT_SHARE = 0.5;

export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: RuntimeMetrics | undefined;
  readonly #timing: ElectionTiming;
  #observed: Observation | undefined;
  /** True while the version in `#observed` is the one our last successful write made (E5). */
  #certain = false;
  #leading = false;
  #renewedAtMs = -Infinity;
  #attemptedAtMs = -Infinity;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log.child({ identity: options.identity });
    this.#metrics = options.metrics && runtimeMetrics(options.metrics);
    this.#timing = checkElectionTiming(options.timing ?? ELECTION_TIMING);
    this.#metrics?.leading.set(0);
  }

  /** True while this process may act as leader, checked against the clock at the moment of the call (E3). */
  isLeader(): boolean {
    return this.#leading && this.#clock.monotonicMs() < this.#renewedAtMs + this.#timing.renewDeadlineMs;
  }

  /** Holder as last seen; empty when released or never seen. */
  get holder(): string {
    return this.#observed?.lease.record.holder ?? '';
  }

  /** Waits for leadership, runs `lead` while it lasts, and resolves when it is over. Never rejects. */
  async run(stop: AbortSignal, lead: (signals: LeaderSignals) => Promise<void>): Promise<ElectionEnd> {
    if (!(await this.#acquire(stop))) return { kind: 'stopped', released: true };
    this.#become(true);
    const lost = new AbortController();
    const renewing = new AbortController();
    const renewal = this.#renewUntil(renewing.signal);
    const work = lead({ stop, lost: lost.signal }).then(
      () => ({ kind: 'workEnded' as const, error: undefined }),
      (thrown: unknown) => ({ kind: 'workEnded' as const, error: ensureError(thrown) }),
    );
    const first = await Promise.race([work, renewal]);
    if (first.kind === 'leaseLost') {
      this.#become(false);
      lost.abort(first.error);
      return { kind: 'lost', error: first.error };
    }
    assert(first.kind === 'workEnded', 'renewals go on while the led work does');
    renewing.abort(new Error('the led work has ended'));
    await renewal;
    this.#become(false); // before the release is sent: from its arrival on another may lead
    const released = await this.#release(); // E4
    return stop.aborted && first.error === undefined
      ? { kind: 'stopped', released }
      : { kind: 'ended', error: first.error };
  }

  async #acquire(stop: AbortSignal): Promise<boolean> {
    while (!stop.aborted) {
      try {
        if ((await this.#attempt(stop)) === 'held') return true;
      } catch (thrown) {
        if (isAbortOf(stop, thrown)) return false;
        this.#failed(thrown);
      }
      await this.#pause(stop);
    }
    return false;
  }

  async #renewUntil(
    end: AbortSignal,
  ): Promise<{ kind: 'leaseLost'; error: LeaseLostError } | { kind: 'renewalEnded' }> {
    for (;;) {
      await this.#pause(end);
      if (end.aborted) return { kind: 'renewalEnded' };
      try {
        if ((await this.#attempt(end)) === 'heldByOther') {
          return {
            kind: 'leaseLost',
            error: new LeaseLostError('another process holds the lease', this.holder),
          };
        }
      } catch (thrown) {
        if (isAbortOf(end, thrown)) return { kind: 'renewalEnded' };
        this.#failed(thrown);
      }
      if (!this.isLeader()) {
        const why = `the lease could not be renewed for ${this.#timing.renewDeadlineMs} ms`;
        return { kind: 'leaseLost', error: new LeaseLostError(why, this.holder) };
      }
    }
  }

  /** One look at the lease, and one write if it is ours or free. @throws on any failure of the API. */
  async #attempt(signal: AbortSignal): Promise<Attempt> {
    this.#attemptedAtMs = this.#clock.monotonicMs();
    const limit = deadline(this.#clock, this.#attemptMs(), 'a request for the leader lease', signal);
    try {
      if (!this.#certain) this.#observe(await this.#options.lease.read(limit.signal));
      const seen = this.#observed;
      if (seen && !this.#mayTake(seen)) {
        this.#certain = false;
        return 'heldByOther';
      }
      const record = this.#record(seen?.lease.record);
      const startedMs = this.#clock.monotonicMs(); // E2
      this.#certain = false; // E5: until the answer is here
      const write = seen
        ? await this.#options.lease.update(record, seen.lease.version, limit.signal)
        : await this.#options.lease.create(record, limit.signal);
      return this.#written(write, record, startedMs);
    } finally {
      limit.clear();
    }
  }

  #written(write: LeaseWrite, record: LeaseRecord, startedMs: number): Attempt {
    this.#metrics?.leaseRenewals.add(1, { outcome: write.kind });
    if (write.kind === 'conflict') return this.#leading ? 'held' : 'heldByOther'; // not decided: the next attempt reads; the deadline runs on
    this.#renewedAtMs = startedMs;
    this.#observe({ record, version: write.version });
    this.#certain = true;
    return 'held';
  }

  #mayTake(seen: Observation): boolean {
    const { holder, durationSeconds } = seen.lease.record;
    if (holder === '' || holder === this.#options.identity) return true;
    return this.#clock.monotonicMs() >= seen.sinceMs + durationSeconds * 1000; // E1
  }

  #observe(lease: ObservedLease | undefined): void {
    if (!lease) {
      this.#observed = undefined;
      return;
    }
    if (this.#observed?.lease.version === lease.version) return;
    this.#observed = { lease, sinceMs: this.#clock.monotonicMs() };
  }

  #record(before: LeaseRecord | undefined): LeaseRecord {
    const now = microTime(this.#clock.wallMs());
    const same = before?.holder === this.#options.identity;
    return {
      holder: this.#options.identity,
      durationSeconds: this.#timing.leaseMs / 1000,
      acquireTime: same ? before.acquireTime : now,
      renewTime: now,
      transitions: before ? before.transitions + (same ? 0 : 1) : 0,
    };
  }

  /** Gives the lease back so that a follower takes it at its next look. A failure costs one lease duration, no more. */
  async #release(): Promise<boolean> {
    const limit = deadline(this.#clock, this.#timing.renewDeadlineMs, 'the release of the leader lease');
    try {
      if (!this.#certain) this.#observe(await this.#options.lease.read(limit.signal));
      const seen = this.#observed;
      if (seen?.lease.record.holder !== this.#options.identity) return false;
      const record = {
        ...seen.lease.record,
        holder: '',
        durationSeconds: 1,
        renewTime: microTime(this.#clock.wallMs()),
      };
      return (await this.#options.lease.update(record, seen.lease.version, limit.signal)).kind === 'written';
    } catch (thrown) {
      this.#log.warn('the leader lease could not be released', { error: ensureError(thrown) });
      return false;
    } finally {
      limit.clear();
    }
  }

  #attemptMs(): number {
    const { renewDeadlineMs } = this.#timing;
    if (!this.#leading) return renewDeadlineMs * ATTEMPT_SHARE;
    const left = this.#renewedAtMs + renewDeadlineMs - this.#clock.monotonicMs();
    return Math.max(1, Math.min(renewDeadlineMs * ATTEMPT_SHARE, left));
  }

  /**
   * The pause until the next attempt; for a leader never beyond its deadline. It counts from the start of the last one: with slow answers
   * the pauses shrink, and a leader whose API server takes a second and a half keeps its lease. Returns early, not rejecting, on abort.
   */
  async #pause(signal: AbortSignal): Promise<void> {
    const { retryMs, renewDeadlineMs } = this.#timing;
    const longest = retryMs * (1 + RETRY_JITTER);
    const policy = { firstMs: longest, factor: 1, capMs: longest, jitter: RETRY_JITTER / (1 + RETRY_JITTER) };
    const nowMs = this.#clock.monotonicMs();
    const dueMs = this.#attemptedAtMs + backoffMs(policy, 0, this.#options.random);
    const pause = Math.max(dueMs - nowMs, retryMs * RETRY_JITTER);
    const left = this.#leading ? this.#renewedAtMs + renewDeadlineMs - nowMs : Infinity;
    try {
      await this.#clock.sleep(Math.min(pause, left), signal);
    } catch (thrown) {
      if (!isAbortOf(signal, thrown)) throw thrown;
    }
  }

  #failed(thrown: unknown): void {
    this.#certain = false; // E5
    this.#metrics?.leaseRenewals.add(1, { outcome: 'failed' });
    this.#log.warn('an attempt on the leader lease failed', {
      leading: this.#leading,
      error: ensureError(thrown),
    });
  }

  #become(leading: boolean): void {
    this.#leading = leading;
    this.#metrics?.leading.set(leading ? 1 : 0);
    this.#log.info(leading ? 'leading' : 'no longer leading', { holder: this.holder });
  }
}

/** The API's MicroTime: six digits after the second. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
