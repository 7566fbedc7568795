/**
 * Retry delays: exponential with jitter and a cap, as a pure function.
 */
import type { Random } from './random.ts';

export interface BackoffPolicy {
  /** Delay before the first retry, ms. */
  readonly firstMs: number;
  /** Growth from one retry to the next. */
  readonly factor: number;
  /** Longest delay, ms. */
  readonly capMs: number;
  /** Share of the delay that is random, 0..1: 0.5 means 50-100 % of the computed delay. Without it retries of many actors arrive together. */
  readonly jitter: number;
}

/** Delay in ms before retry number `attempt` (0 = the first retry). */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: Random): number {
  const full = Math.min(policy.capMs, policy.firstMs * policy.factor ** Math.min(attempt, 64));
  return full * (1 - policy.jitter * random.unit());
}
