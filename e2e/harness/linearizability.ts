/**
 * Whether a history of concurrent operations could have come from one object that does them one at a time.
 *
 * The search of Wing and Gong (Testing and verifying concurrent objects, 1993) with Lowe's memory of what was tried (Testing for
 * linearizability, 2017): operations are put in order one after another, each within its call and its return; a set of operations that was
 * already put in order with the same outcome of the object is not tried again. Whoever checks registers uses the same search with another model.
 *
 * N1  An operation takes effect at one moment between its call and its return. Times of all processes are of one clock.
 * N2  An operation without a return may take effect at any moment after its call, or never; the model says what it may have done.
 * N3  Nothing is guessed: a search that meets its limit of states is undecided, which is neither a yes nor a no.
 * N4  The model is pure. Two states with equal keys behave alike for ever.
 */

/** One object that does one operation at a time. */
export interface Model<State, Input, Output> {
  readonly init: State;
  /**
   * Every state that `input` may lead to from `state` when it answered `output` (undefined: no answer is known). None or undefined: it cannot
   * have answered that here.
   */
  step(state: State, input: Input, output: Output | undefined): readonly State[] | undefined;
  /** Equal exactly for states that behave alike (N4). */
  key(state: State): string;
}

/** One call and what came of it. */
export interface Operation<Input, Output> {
  /** Who called, for people. */
  readonly process: string;
  readonly input: Input;
  /** When it was called, in any unit. */
  readonly calledAt: number;
  /** Undefined: nobody knows what came of it (N2). */
  readonly returned: { readonly at: number; readonly output: Output } | undefined;
}

export type Linearizability<Input, Output> =
  | {
      readonly kind: 'linearizable';
      /** One order that explains the history, of all operations that returned and some of those that did not. */
      readonly order: readonly Operation<Input, Output>[];
      readonly states: number;
    }
  | {
      readonly kind: 'not-linearizable';
      /** The longest beginning of an order that could be explained. */
      readonly order: readonly Operation<Input, Output>[];
      /** The operation whose return could not be reached from there. */
      readonly stuck: Operation<Input, Output>;
      readonly states: number;
    }
  /** N3 */
  | { readonly kind: 'undecided'; readonly states: number; readonly limit: number };

/** States (a set of operations in order, with what they made of the object) before the search gives up: some 200 MB of keys. */
export const MAX_STATES = 1_000_000;

export class HistoryError extends Error {}

/** A call or a return in a list of both, in the order of time. Operations that are in order already are unlinked. */
interface Entry {
  readonly op: number;
  /** Set in a call: its return, if it has one. */
  readonly match: Entry | undefined;
  readonly isCall: boolean;
  before: Entry | undefined;
  next: Entry | undefined;
}

/** A choice that can be taken back: `call` was put next, leading to the alternative `choice` of what it may lead to. */
interface Chosen<State> {
  readonly call: Entry;
  readonly from: State;
  readonly nexts: readonly State[];
  readonly choice: number;
}

/** Decides a history. @throws HistoryError when an operation returns before it is called. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  { maxStates = MAX_STATES }: { readonly maxStates?: number } = {},
): Linearizability<Input, Output> {
  return new Search(model, history, maxStates).run();
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #history: readonly Operation<Input, Output>[];
  readonly #maxStates: number;
  readonly #head: Entry;
  readonly #done: OpSet;
  readonly #seen = new Set<string>();
  readonly #chosen: Chosen<State>[] = [];
  #state: State;
  /** Operations with a return that are not in order yet. */
  #open: number;
  #best: readonly number[] = [];
  #stuck: number | undefined;

  constructor(
    model: Model<State, Input, Output>,
    history: readonly Operation<Input, Output>[],
    maxStates: number,
  ) {
    this.#model = model;
    this.#history = history;
    this.#maxStates = maxStates;
    this.#head = linked(history);
    this.#done = new OpSet(history.length);
    this.#state = model.init;
    this.#open = history.filter(({ returned }) => returned).length;
  }

  run(): Linearizability<Input, Output> {
    let at = this.#head.next;
    // What need not have happened is tried where nothing that must have happened fits: a search that is going to succeed then rarely errs.
    let optional = false;
    while (this.#open > 0) {
      if (this.#seen.size > this.#maxStates)
        return { kind: 'undecided', states: this.#seen.size, limit: this.#maxStates };
      if (at?.isCall) {
        const isTurn = optional === (at.match === undefined);
        const taken: boolean = isTurn && this.#take(at, this.#nextsOf(at), 0);
        at = taken ? this.#head.next : at.next;
        if (taken) optional = false;
      } else if (!optional) {
        optional = true;
        at = this.#head.next;
      } else {
        this.#rememberStuck(at);
        const resumed = this.#takeBack();
        if (resumed === 'exhausted') return this.#refuted();
        optional = resumed !== 'again' && resumed.match === undefined;
        at = resumed === 'again' ? this.#head.next : resumed.next;
      }
    }
    const order = this.#chosen.map(({ call }) => this.#history[call.op]!);
    return { kind: 'linearizable', order, states: this.#seen.size };
  }

  #nextsOf(call: Entry): readonly State[] {
    const { input, returned } = this.#history[call.op]!;
    return this.#model.step(this.#state, input, returned?.output) ?? [];
  }

  /** Puts `call` next with the first alternative from `from` on that is new; false when there is none. */
  #take(call: Entry, nexts: readonly State[], from: number): boolean {
    for (let choice = from; choice < nexts.length; choice++) {
      const next = nexts[choice]!;
      this.#done.add(call.op);
      const key = `${this.#done.key()}/${this.#model.key(next)}`;
      if (this.#seen.has(key)) {
        this.#done.delete(call.op);
        continue;
      }
      this.#seen.add(key);
      this.#chosen.push({ call, from: this.#state, nexts, choice });
      this.#state = next;
      if (call.match) this.#open--;
      lift(call);
      return true;
    }
    return false;
  }

  /** Undoes the last choice: 'again' when another alternative of it was taken, else the call after which to look on. */
  #takeBack(): Entry | 'again' | 'exhausted' {
    const last = this.#chosen.pop();
    if (!last) return 'exhausted';
    const { call, from, nexts, choice } = last;
    this.#state = from;
    this.#done.delete(call.op);
    if (call.match) this.#open++;
    unlift(call);
    return this.#take(call, nexts, choice + 1) ? 'again' : call;
  }

  /** Keeps the deepest place where a return stood before its operation could be put in order. */
  #rememberStuck(at: Entry | undefined): void {
    if (!at || (this.#stuck !== undefined && this.#chosen.length < this.#best.length)) return;
    this.#best = this.#chosen.map(({ call }) => call.op);
    this.#stuck = at.op;
  }

  #refuted(): Linearizability<Input, Output> {
    const order = this.#best.map((op) => this.#history[op]!);
    return {
      kind: 'not-linearizable',
      order,
      stuck: this.#history[this.#stuck!]!,
      states: this.#seen.size,
    };
  }
}

/**
 * The list that the search walks: calls and returns by time. At one instant calls come first, so that operations which touch count as concurrent.
 * Calls that never return stand in a place of their own time: they may be put anywhere behind it.
 */
function linked(history: readonly Operation<unknown, unknown>[]): Entry {
  const timed: { at: number; entry: Entry }[] = [];
  history.forEach(({ calledAt, returned, process }, op) => {
    const none = { before: undefined, next: undefined };
    if (returned && !(returned.at >= calledAt))
      throw new HistoryError(`operation ${op} of ${process} returned at ${returned.at}, before its call`);
    const end: Entry | undefined = returned && { op, isCall: false, match: undefined, ...none };
    timed.push({ at: calledAt, entry: { op, isCall: true, match: end, ...none } });
    if (returned && end) timed.push({ at: returned.at, entry: end });
  });
  timed.sort((a, b) => a.at - b.at || Number(b.entry.isCall) - Number(a.entry.isCall));
  const head: Entry = { op: -1, isCall: true, match: undefined, before: undefined, next: undefined };
  let last = head;
  for (const { entry } of timed) {
    entry.before = last;
    last.next = entry;
    last = entry;
  }
  return head;
}

function lift(call: Entry): void {
  for (const entry of call.match ? [call, call.match] : [call]) {
    entry.before!.next = entry.next;
    if (entry.next) entry.next.before = entry.before;
  }
}

/** The opposite of lift, in the opposite order. */
function unlift(call: Entry): void {
  for (const entry of call.match ? [call.match, call] : [call]) {
    entry.before!.next = entry;
    if (entry.next) entry.next.before = entry;
  }
}

/** A set of small numbers with a key that is equal exactly for equal sets. */
class OpSet {
  readonly #words: Uint16Array;
  /** Words below this are full: the history's past, the same in nearly every set. */
  #full = 0;

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / 16));
  }

  add(n: number): void {
    this.#words[n >> 4]! |= 1 << (n & 15);
    while (this.#words[this.#full] === 0xffff) this.#full++;
  }

  delete(n: number): void {
    this.#words[n >> 4]! &= ~(1 << (n & 15));
    this.#full = Math.min(this.#full, n >> 4);
  }

  /** The number of full words, then the others up to the last that is not empty. */
  key(): string {
    let end = this.#words.length;
    while (end > this.#full && this.#words[end - 1] === 0) end--;
    return `${this.#full}:${String.fromCharCode(...this.#words.subarray(this.#full, end))}`;
  }
}

/** What to print when a history was not found linearizable: the verdict, and the operations around the place where it stops making sense. */
export function describeVerdict<Input, Output>(verdict: Linearizability<Input, Output>): string {
  const line = ({ process, input, calledAt, returned }: Operation<Input, Output>): string =>
    `  [${calledAt}, ${returned?.at ?? '…'}] ${process} ${JSON.stringify(input)} -> ${returned ? JSON.stringify(returned.output) : 'unknown'}`;
  switch (verdict.kind) {
    case 'linearizable':
      return `linearizable (${verdict.order.length} operations, ${verdict.states} states)`;
    case 'undecided':
      return `undecided within ${verdict.limit} states: make the history shorter or less concurrent, or raise the limit`;
    case 'not-linearizable':
      return [
        `not linearizable (${verdict.states} states): after`,
        ...verdict.order.slice(-CONTEXT).map(line),
        'nothing explains',
        line(verdict.stuck),
      ].join('\n');
  }
}

/** Operations shown before the one that cannot be explained. */
const CONTEXT = 10;
