/**
 * Rules for the simulation: everything a correct store and a bad network do, by chance, from a seed.
 */
import type { Random } from '../../base/index.ts';
import type { Fault, FaultRule } from './faults.ts';

/** How bad the world is: chances per request, 0 to 1, and the longest times, ms. */
export interface AdversaryOptions {
  readonly dropRequest: number;
  readonly dropResponse: number;
  readonly delay: number;
  readonly late: number;
  readonly duplicate: number;
  readonly status: number;
  readonly staleList: number;
  /** Longest delay of a delayed request or response. */
  readonly delayMs: number;
  /** Longest time after which a request that its sender gave up, or its duplicate, still arrives. */
  readonly lateMs: number;
}

/** About one request in five is disturbed. */
export const ROUGH_WEATHER: AdversaryOptions = {
  dropRequest: 0.03,
  dropResponse: 0.04,
  delay: 0.05,
  late: 0.03,
  duplicate: 0.03,
  status: 0.04,
  staleList: 0.2,
  delayMs: 5_000,
  lateMs: 120_000,
};

const STATUSES = [409, 429, 500, 500, 502, 503, 504];
/** How long a client whose request or response was lost waits at most before it hears of it, ms. */
const HEAR_MS = 4_000;

/** Fault rules for FaultyStore.add. None of them lies: a correct client survives them all. */
export function adversary(options: AdversaryOptions = ROUGH_WEATHER): FaultRule[] {
  const rule = (probability: number, fault: (random: Random) => Fault): FaultRule => ({ probability, fault });
  const code = (random: Random): 'STORE_TIMEOUT' | 'STORE_UNREACHABLE' =>
    random.unit() < 0.5 ? 'STORE_TIMEOUT' : 'STORE_UNREACHABLE';
  return [
    {
      operation: 'list',
      probability: options.staleList,
      fault: (random) => ({ kind: 'stale-list', ageMs: random.below(options.delayMs) }),
    },
    rule(options.dropRequest, (r) => ({ kind: 'drop-request', waitMs: r.below(HEAR_MS), code: code(r) })),
    rule(options.dropResponse, (r) => ({ kind: 'drop-response', waitMs: r.below(HEAR_MS), code: code(r) })),
    rule(options.delay, (r) => ({
      kind: 'delay',
      requestMs: r.below(options.delayMs),
      responseMs: r.below(options.delayMs),
    })),
    rule(options.late, (r) => ({
      kind: 'late',
      giveUpMs: r.below(HEAR_MS),
      arriveMs: r.below(options.lateMs),
    })),
    rule(options.duplicate, (r) => ({ kind: 'duplicate', againMs: r.below(options.lateMs) })),
    rule(options.status, (r) => {
      const status = STATUSES[r.below(STATUSES.length)]!;
      // 409 and 429 promise that nothing was stored (s3log.md §1.2); a 5xx promises nothing
      return { kind: 'status', status, effect: status >= 500 && r.unit() < 0.5 };
    }),
  ];
}
