/**
 * What the model of the journal protocol consists of (protocol.ts): the store, the network, the writers, the rules that can be broken; and the
 * small steps that every event is made of.
 */

/** FENCE, leap FENCE, FILLER, DATA, CHECKPOINT. */
export type Kind = 'F' | 'L' | 'X' | 'D' | 'C';

export interface Entry {
  readonly w: number;
  readonly k: Kind;
}

export interface Pending {
  readonly q: number;
  readonly k: Kind;
  readonly sends: number;
  /** What the store answered, once an answer arrived. */
  readonly answer: 'none' | 'created' | 'exists';
}

export interface Get {
  readonly q: number;
  readonly answer: 'none' | 'absent' | 'own' | 'foreign';
  /** Whether the waiting read had arrived when the GET began. */
  readonly forRead: boolean;
}

export interface Writer {
  readonly phase: 'idle' | 'open' | 'fencing' | 'leaping' | 'filling' | 'won' | 'live' | 'dead';
  /** Slot to put next. */
  readonly next: number;
  readonly fence: number;
  /** Slots below this are confirmed. */
  readonly confirmed: number;
  readonly data: number;
  readonly checkpoints: number;
  /** PUTs under way, oldest first; more than one only with a depth above one. */
  readonly pending: readonly Pending[];
  /** A read that arrived and must reflect slots below `must`. */
  readonly read: { readonly must: number } | undefined;
  readonly get: Get | undefined;
  readonly leaped: boolean;
  /** First FILLER that it put or met; -1 for none. */
  readonly filler: number;
  /** Ghost: a slot whose content its state lacks; -1 for none. */
  readonly lacks: number;
  /** Ghost: a hole that it took for the end of nothing; -1 for none. */
  readonly skipped: number;
}

export interface State {
  readonly store: readonly (Entry | undefined)[];
  /** Ghost: what was first created in dense order; deletion does not change it. */
  readonly log: readonly Entry[];
  readonly floor: number;
  /** Ghost: slots below this hold everything acknowledged. */
  readonly acknowledged: number;
  /** PUTs in the network, as `w:q:k`, sorted. */
  readonly net: readonly string[];
  readonly writers: readonly Writer[];
  readonly readsLeft: number;
}

export interface Rules {
  readonly writers: number;
  /** Data slots a writer may put. */
  readonly data: number;
  /** CHECKPOINTs a writer may put. */
  readonly checkpoints: number;
  /** How often a PUT may be repeated. */
  readonly resends: number;
  readonly reads: number;
  readonly depth: number;
  /** Fences are never deleted. */
  readonly keepFences: boolean;
  /** The floor is looked at once more after a fence is won. */
  readonly floorCheck: boolean;
  /** Deletion happens at all. */
  readonly deletion: boolean;
  readonly acknowledge: 'confirmed' | 'sent';
  /** 412 on the own key: whose slot it is decides. */
  readonly onExists: 'compare' | 'assume-own';
  readonly onForeign: 'stop' | 'go-on';
  /** How far a leap FENCE is put ahead of the tail; 0: nobody leaps. With leaps a writer's number is its term. */
  readonly leap: number;
  readonly keepLeaps: boolean;
  readonly keepFillers: boolean;
  /** L6: a CHECKPOINT above a FILLER that it passed makes an opener give up. */
  readonly reload: boolean;
  /** L2: the owner of a leap FENCE fills every hole below it before it lives. */
  readonly fill: boolean;
  /** What a reader does at a hole below a leap FENCE. */
  readonly holes: 'stop' | 'pass';
  /** Which slot a read asks for, and what serves it. */
  readonly readBy:
    | 'after-sent'
    | 'after-sent-unconfirmed'
    | 'after-confirmed'
    | 'any-confirmation'
    | 'join-get'
    | 'before-floor-check'
    | 'no-proof';
}

export const RIGHT: Rules = {
  writers: 2,
  data: 1,
  checkpoints: 1,
  resends: 1,
  reads: 0,
  depth: 1,
  keepFences: true,
  floorCheck: true,
  deletion: true,
  acknowledge: 'confirmed',
  onExists: 'compare',
  onForeign: 'stop',
  leap: 0,
  keepLeaps: true,
  keepFillers: true,
  reload: true,
  fill: true,
  holes: 'stop',
  readBy: 'after-sent',
};

const IDLE: Writer = {
  phase: 'idle',
  next: 0,
  fence: -1,
  confirmed: 0,
  data: 0,
  checkpoints: 0,
  pending: [],
  read: undefined,
  get: undefined,
  leaped: false,
  filler: -1,
  lacks: -1,
  skipped: -1,
};

/** A process that has stopped; whoever comes after it is another writer. */
export const DEAD: Partial<Writer> = {
  phase: 'dead',
  pending: [],
  read: undefined,
  get: undefined,
  filler: -1,
  lacks: -1,
  skipped: -1,
};

export function initial(rules: Rules): State {
  return {
    store: [],
    log: [],
    floor: 0,
    acknowledged: 0,
    net: [],
    writers: Array.from({ length: rules.writers }, () => IDLE),
    readsLeft: rules.reads,
  };
}

export interface Move {
  readonly label: string;
  readonly to: State;
  readonly violation?: string;
}

/** Writer of the nearest fence at or below slot q that counts: a leap FENCE does not behind a higher term; -1 before any. */
export function owner(log: readonly (Entry | undefined)[], q: number): number {
  let by = -1;
  for (let at = 0; at <= q; at++) {
    const entry = log[at];
    if (entry?.k === 'F' || (entry?.k === 'L' && entry.w >= by)) by = entry.w;
  }
  return by;
}

export function isLive(log: readonly Entry[], q: number): boolean {
  const entry = log[q];
  return entry !== undefined && (entry.k === 'F' || owner(log, q) === entry.w);
}

/** Where a reader that begins at the floor stops, and the first hole that it passed over if its rule is broken. */
export function tail(state: State, rules: Rules): { readonly next: number; readonly skipped: number } {
  let next = state.floor;
  let skipped = -1;
  for (; ; next++) {
    if (state.store[next]) continue;
    if (rules.holes === 'stop' || !state.store.slice(next).some((entry) => entry?.k === 'L')) break;
    if (skipped < 0) skipped = next;
  }
  return { next, skipped };
}

export function replace<T>(list: readonly T[], at: number, value: T): T[] {
  const copy = [...list];
  while (copy.length < at) copy.push(undefined as T);
  copy[at] = value;
  return copy;
}

export function withWriter(state: State, w: number, change: Partial<Writer>): State {
  return { ...state, writers: replace(state.writers, w, { ...state.writers[w]!, ...change }) };
}

/** The store creates the slot unless it is there; the ghost log grows along. */
export function create(state: State, q: number, entry: Entry): State | undefined {
  if (state.store[q]) return undefined;
  const store = replace(state.store, q, entry);
  const log = [...state.log];
  let floor = state.floor;
  while (store[log.length]) {
    const at = log.length;
    log.push(store[at]!);
    if (log[at]!.k === 'C' && isLive(log, at)) floor = Math.max(floor, at);
  }
  return { ...state, store, log, floor };
}

export const send = (state: State, w: number, q: number, k: Kind): State => ({
  ...state,
  net: [...state.net, `${w}:${q}:${k}`].sort(),
});
