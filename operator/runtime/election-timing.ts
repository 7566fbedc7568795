/**
 * The three times of leader election and the budget they come from.
 *
 * Losing the leader and a primary in one instant has to end within 15 s at p99. With the defaults below the worst case is
 *   6.0 s  the lease, counted by the other replica from its last look that saw it change
 * + 1.2 s  that look may come one retry after the renewal it saw
 * + 1.2 s  and the look that finds it expired one retry after its end
 * = 8.4 s  until there is a leader again; it has heard every heartbeat meanwhile (warm streams), so it decides at once.
 * A decision, fence, replay and open take under 2 s, which leaves more than 4 s of the 15.
 * A clean exit releases the lease: then the next look, 1.2 s at most, takes it.
 */
import { HoldfastError } from '../../src/base/index.ts';

export interface ElectionTiming {
  /** How long others respect a lease that is not renewed, ms; whole seconds, since the Lease object says it in seconds. */
  readonly leaseMs: number;
  /** How long the leader goes on without a renewal, ms, counted from the start of the last one that succeeded. */
  readonly renewDeadlineMs: number;
  /** Pause between attempts, ms; stretched by up to RETRY_JITTER. */
  readonly retryMs: number;
}

/** The budget above. */
export const ELECTION_TIMING: ElectionTiming = { leaseMs: 6_000, renewDeadlineMs: 4_000, retryMs: 1_000 };

/** Attempts of several replicas that started together drift apart (client-go's factor 1.2). */
export const RETRY_JITTER = 0.2;

/** Times that cannot work together. */
export class ElectionTimingError extends HoldfastError {
  constructor(rule: string, timing: ElectionTiming) {
    super(
      'ELECTION_TIMING',
      `Leader election cannot work with these times: ${rule}. Change the flags of the operator.`,
      {
        fields: { rule, ...timing },
      },
    );
  }
}

/** Checks the rules every elector relies on. @throws ElectionTimingError */
export function checkElectionTiming(timing: ElectionTiming): ElectionTiming {
  const { leaseMs, renewDeadlineMs, retryMs } = timing;
  if (!Number.isInteger(leaseMs / 1000) || leaseMs < 1000) {
    throw new ElectionTimingError('the lease is a whole number of seconds, at least one', timing);
  }
  if (renewDeadlineMs >= leaseMs)
    throw new ElectionTimingError('the renew deadline is below the lease', timing);
  if (retryMs <= 0 || retryMs * (1 + RETRY_JITTER) >= renewDeadlineMs) {
    throw new ElectionTimingError('the renew deadline has room for more than one stretched retry', timing);
  }
  return timing;
}
