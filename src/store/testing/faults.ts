/**
 * The vocabulary of the faulty store: what may befall a request, and when.
 *
 * A fault is something a correct store and a real network do to a client. A lie (lies.ts) is something only a broken store does.
 */
import type { Random } from '../../base/index.ts';
import type { Lie } from './lies.ts';

export type StoreOperation = 'create' | 'get' | 'head' | 'list' | 'delete';

export type Fault =
  /** The request never arrives; the client hears of it after `waitMs` (default 0). */
  | {
      readonly kind: 'drop-request';
      readonly waitMs?: number;
      readonly code?: 'STORE_UNREACHABLE' | 'STORE_TIMEOUT';
    }
  /** The request takes effect; the client hears of a failure `waitMs` later. */
  | {
      readonly kind: 'drop-response';
      readonly waitMs?: number;
      readonly code?: 'STORE_UNREACHABLE' | 'STORE_TIMEOUT';
    }
  /** Slow on the way there, back, or both. The effect happens in between, whatever the client's signal does. */
  | { readonly kind: 'delay'; readonly requestMs?: number; readonly responseMs?: number }
  /** The client gives up after `giveUpMs`; the request arrives `arriveMs` after it was sent. */
  | { readonly kind: 'late'; readonly giveUpMs: number; readonly arriveMs: number }
  /** Delivered twice, the second time `againMs` after the first was answered. The client gets the first answer. */
  | { readonly kind: 'duplicate'; readonly againMs: number }
  /** Stopped before the effect or after it until the test lets go. */
  | { readonly kind: 'hold'; readonly at: 'request' | 'response'; readonly until: Promise<unknown> }
  /** The store answers with this HTTP status (409, 429, 500, 403 …); `effect` says whether it acted nevertheless. */
  | { readonly kind: 'status'; readonly status: number; readonly code?: string; readonly effect?: boolean }
  /** A GET gives only the first `bytes` bytes of what it should give, and no error. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** A GET gives a body in which the bit `bit` (counted from the start, taken modulo the length) is flipped. */
  | { readonly kind: 'corrupt'; readonly bit: number }
  /** A LIST shows the store as it was `ageMs` ago. */
  | { readonly kind: 'stale-list'; readonly ageMs: number }
  | { readonly kind: 'lie'; readonly lie: Lie };

export interface FaultRule {
  /** Only requests of this client (FaultyStore.as); any by default. */
  readonly client?: string;
  /** Only these operations; any by default. */
  readonly operation?: StoreOperation | readonly StoreOperation[];
  /** Only these keys (of a LIST: its prefix): exactly this one, or those that match; any by default. */
  readonly key?: string | RegExp;
  /** Matching requests that pass unharmed before the rule begins: 2 strikes the third. Default 0. */
  readonly skip?: number;
  /** How many requests the rule strikes; without end by default. */
  readonly times?: number;
  /** Chance that a matching request is struck, 0 to 1; drawn from the store's Random. Default 1. */
  readonly probability?: number;
  /** What befalls them; a function draws one each time. */
  readonly fault: Fault | ((random: Random) => Fault);
}

/** A rule in force. */
export interface ActiveRule {
  readonly rule: FaultRule;
  /** Requests that matched so far. */
  readonly matched: number;
  /** Requests struck so far. */
  readonly struck: number;
  /** Takes the rule out of force. Idempotent. */
  remove(): void;
}

/** One request as the faulty store saw it: for traces of a failing run. */
export interface StoreEvent {
  readonly atMs: number;
  readonly client: string;
  readonly operation: StoreOperation;
  readonly key: string;
  readonly fault: Fault | undefined;
}

/** The rules in force, first match first. */
export class FaultRules {
  readonly #random: Random;
  readonly #rules: { rule: FaultRule; matched: number; struck: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  add(rule: FaultRule): ActiveRule {
    const state = { rule, matched: 0, struck: 0 };
    this.#rules.push(state);
    return {
      rule,
      get matched(): number {
        return state.matched;
      },
      get struck(): number {
        return state.struck;
      },
      remove: () => {
        const at = this.#rules.indexOf(state);
        if (at >= 0) this.#rules.splice(at, 1);
      },
    };
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** The fault for this request. The first rule that strikes wins; rules after it do not count the request. */
  draw(client: string, operation: StoreOperation, key: string): Fault | undefined {
    for (const state of this.#rules) {
      const { rule } = state;
      if (!applies(rule, client, operation, key)) continue;
      state.matched += 1;
      if (state.matched <= (rule.skip ?? 0) || state.struck >= (rule.times ?? Infinity)) continue;
      if (rule.probability !== undefined && this.#random.unit() >= rule.probability) continue;
      state.struck += 1;
      return typeof rule.fault === 'function' ? rule.fault(this.#random) : rule.fault;
    }
    return undefined;
  }
}

function applies(rule: FaultRule, client: string, operation: StoreOperation, key: string): boolean {
  if (rule.client !== undefined && rule.client !== client) return false;
  if (rule.operation !== undefined && ![rule.operation].flat().includes(operation)) return false;
  if (rule.key === undefined) return true;
  return typeof rule.key === 'string' ? rule.key === key : rule.key.test(key);
}
