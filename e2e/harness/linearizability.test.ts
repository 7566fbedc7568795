/**
 * The checker against histories whose verdict is known, and against a definition that tries every order.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom, type SeededRandom } from '../../src/base/testing/index.ts';
import {
  checkLinearizable,
  describeVerdict,
  HistoryError,
  type Model,
  type Operation,
} from './linearizability.ts';
import { journalModel, type JournalInput, type JournalOutput } from './journal-model.ts';

type RegisterInput =
  | { readonly kind: 'write'; readonly value: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'cas'; readonly from: number; readonly to: number };
/** What a read saw; whether a compare-and-set took place; a write answers 0. */
type RegisterOutput = number | boolean;

/** One register; of a compare-and-set without an answer nobody knows whether it compared well. */
const REGISTER: Model<number, RegisterInput, RegisterOutput> = {
  init: 0,
  key: String,
  step(state, input, output) {
    switch (input.kind) {
      case 'write':
        return [input.value];
      case 'read':
        return output === undefined || output === state ? [state] : [];
      case 'cas': {
        const takesPlace = state === input.from;
        if (output !== undefined && output !== takesPlace) return [];
        return [takesPlace ? input.to : state];
      }
    }
  },
};

function op<I, O>(input: I, calledAt: number, at?: number, output?: O): Operation<I, O> {
  return { process: 'p', input, calledAt, returned: at === undefined ? undefined : { at, output: output! } };
}

const write = (value: number, from: number, to?: number): Operation<RegisterInput, RegisterOutput> =>
  op({ kind: 'write', value }, from, to, 0);
const read = (seen: number, from: number, to: number): Operation<RegisterInput, RegisterOutput> =>
  op({ kind: 'read' }, from, to, seen);
const cas = (
  a: number,
  b: number,
  done: boolean,
  from: number,
  to?: number,
): Operation<RegisterInput, RegisterOutput> => op({ kind: 'cas', from: a, to: b }, from, to, done);

const append = (session: string, record: number, from: number, to?: number, index = 0): JournalOp =>
  op({ kind: 'append', session, record }, from, to, { kind: 'appended', index });
const fence = (session: string, term: number, from: number, to?: number, length = 0): JournalOp =>
  op({ kind: 'fence', session, term }, from, to, { kind: 'fenced', length });
const look = (from: number, to: number, length: number, last?: number): JournalOp =>
  op({ kind: 'look' }, from, to, { kind: 'saw', length, last });
const readBy = (session: string, from: number, to: number, length: number, last?: number): JournalOp =>
  op({ kind: 'read', session }, from, to, { kind: 'saw', length, last });
type JournalOp = Operation<JournalInput, JournalOutput>;

describe('a register', () => {
  test.each<[string, 'linearizable' | 'not-linearizable', Operation<RegisterInput, RegisterOutput>[]]>([
    ['nothing happened', 'linearizable', []],
    ['a read of what was written', 'linearizable', [write(1, 0, 1), read(1, 2, 3)]],
    ['a stale read', 'not-linearizable', [write(1, 0, 1), read(0, 2, 3)]],
    ['an old value beside the write', 'linearizable', [write(1, 0, 10), read(0, 2, 3)]],
    ['new, then old', 'not-linearizable', [write(1, 0, 10), read(1, 2, 3), read(0, 4, 5)]],
    ['old, then new', 'linearizable', [write(1, 0, 10), read(0, 2, 3), read(1, 4, 5)]],
    ['a lost update', 'not-linearizable', [cas(0, 1, true, 0, 9), cas(0, 2, true, 1, 8)]],
    ['one of two wins', 'linearizable', [cas(0, 1, true, 0, 9), cas(0, 2, false, 1, 8), read(1, 9, 10)]],
    [
      'a write of unknown outcome that shows later',
      'linearizable',
      [write(1, 0), read(0, 2, 3), read(1, 8, 9)],
    ],
    ['a write of unknown outcome that never shows', 'linearizable', [write(1, 0), read(0, 2, 3)]],
    ['a write before it was called', 'not-linearizable', [read(1, 0, 1), write(1, 2)]],
    [
      'a write of unknown outcome that happens twice',
      'not-linearizable',
      [write(1, 0), read(1, 1, 2), write(2, 3, 4), read(1, 5, 6)],
    ],
    ['operations that touch are concurrent', 'linearizable', [write(1, 0, 5), read(0, 5, 6)]],
  ])('%s: %s', (_story, verdict, history) => {
    expect(checkLinearizable(REGISTER, history).kind).toBe(verdict);
  });

  test('the verdict names the operation that nothing explains, and what came before', () => {
    const verdict = checkLinearizable(REGISTER, [write(7, 0, 1), read(7, 2, 3), read(5, 4, 6)]);
    expect(verdict).toMatchObject({ kind: 'not-linearizable', stuck: { calledAt: 4 } });
    expect(describeVerdict(verdict)).toMatch(/"value":7.*[\s\S]*nothing explains\n.*\[4, 6\]/);
  });

  test('a search beyond its limit says that it is undecided', () => {
    const reads = Array.from({ length: 12 }, (_, i) => write(i + 1, i, 100));
    const verdict = checkLinearizable(REGISTER, [...reads, read(99, 200, 201)], { maxStates: 100 });
    expect(verdict).toMatchObject({ kind: 'undecided', limit: 100 });
    expect(describeVerdict(verdict)).toContain('undecided within 100 states');
  });

  test('a return before its call is a mistake of whoever recorded it', () => {
    expect(() => checkLinearizable(REGISTER, [read(0, 5, 4)])).toThrow(HistoryError);
  });

  test('what never returned is explained when it must have happened, left out otherwise', () => {
    const verdict = checkLinearizable(REGISTER, [write(2, 0), write(1, 1), read(2, 5, 6)]);
    expect(verdict.kind === 'linearizable' && verdict.order.map(({ input }) => input)).toEqual([
      { kind: 'write', value: 2 },
      { kind: 'read' },
    ]);
  });
});

const JOURNAL_STORIES: [string, 'linearizable' | 'not-linearizable', JournalOp[]][] = [
  [
    'two sessions, one after the other',
    'linearizable',
    [
      fence('a', 1, 0, 1),
      append('a', 10, 2, 3, 0),
      fence('b', 2, 4, 5, 1),
      append('b', 20, 6, 7, 1),
      look(8, 9, 2, 20),
    ],
  ],
  [
    'split brain: an append of the old session behind the fence',
    'not-linearizable',
    [fence('a', 1, 0, 1), fence('b', 2, 2, 3), append('a', 10, 4, 5, 0), look(8, 9, 1, 10)],
  ],
  [
    'an append of the old session beside the fence',
    'linearizable',
    [fence('a', 1, 0, 1), fence('b', 2, 2, 6, 1), append('a', 10, 4, 5, 0), look(8, 9, 1, 10)],
  ],
  [
    'a fence that overlooked an acknowledged append',
    'not-linearizable',
    [fence('a', 1, 0, 1), append('a', 10, 2, 3, 0), fence('b', 2, 4, 5, 0), look(8, 9, 1, 10)],
  ],
  [
    'a stale read of the old session',
    'not-linearizable',
    [
      fence('a', 1, 0, 1),
      fence('b', 2, 2, 3),
      append('b', 20, 4, 5, 0),
      readBy('a', 6, 7, 0),
      look(8, 9, 1, 20),
    ],
  ],
  ['a lost append', 'not-linearizable', [fence('a', 1, 0, 1), append('a', 10, 2, 3, 0), look(8, 9, 0)]],
  [
    'an append of unknown outcome that is there when the next session fences',
    'linearizable',
    [fence('a', 1, 0, 1), append('a', 10, 2), fence('b', 2, 4, 5, 1), look(8, 9, 1, 10)],
  ],
  [
    'an append of unknown outcome that is not there, then there',
    'linearizable',
    [
      fence('a', 1, 0, 1),
      append('a', 10, 2),
      readBy('a', 3, 4, 0),
      readBy('a', 5, 6, 1, 10),
      look(8, 9, 1, 10),
    ],
  ],
  [
    'an append of unknown outcome that appears behind the fence',
    'not-linearizable',
    [fence('a', 1, 0, 1), append('a', 10, 2), fence('b', 2, 4, 5, 0), look(8, 9, 1, 10)],
  ],
  [
    'two records at one place',
    'not-linearizable',
    [fence('a', 1, 0, 1), append('a', 10, 2, 3, 0), append('a', 11, 4, 5, 0), look(8, 9, 1, 10)],
  ],
  ['a term that falls', 'not-linearizable', [fence('a', 2, 0, 1), fence('b', 1, 2, 3), look(8, 9, 0)]],
];

describe('a journal', () => {
  test.each(JOURNAL_STORIES)('%s: %s', (_story, verdict, history) => {
    expect(checkLinearizable(journalModel(), history).kind).toBe(verdict);
  });

  test('a thousand appends of unknown outcome do not make the search long when the log at the end is known', () => {
    const history = [fence('a', 1, 0, 1)];
    const log: number[] = [];
    for (let i = 0; i < 1000; i++) {
      const happened = i % 3 === 0;
      history.push(append('a', i, 2 + i));
      if (happened) log.push(i);
    }
    history.push(look(5000, 5001, log.length, log.at(-1)));
    const verdict = checkLinearizable(journalModel(log), history, { maxStates: 5000 });
    expect(verdict.kind).toBe('linearizable');
  });
});

/** The definition itself: some order of some of the operations, none before one that had returned when it was called, satisfies the model. */
function bruteForce<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[]): boolean {
  const search = (state: S, left: readonly Operation<I, O>[]): boolean => {
    if (left.every(({ returned }) => !returned)) return true;
    return left.some((next, i) => {
      if (left.some(({ returned }) => returned && returned.at < next.calledAt)) return false;
      const rest = left.toSpliced(i, 1);
      return (model.step(state, next.input, next.returned?.output) ?? []).some((s) => search(s, rest));
    });
  };
  return search(model.init, history);
}

/** A history of a true sequential object: every operation happens at a moment of its own, is called before and returns after. */
function truthful<S, I, O>(
  model: Model<S, I, O>,
  random: SeededRandom,
  operations: number,
  draw: (state: S) => { input: I; answer: () => O },
): Operation<I, O>[] {
  let state = model.init;
  return Array.from({ length: operations }, (_, i) => {
    const { input, answer } = draw(state);
    const output = answer();
    const at = 10 * i;
    const happens = !random.chance(0.1); // else it never did, and nobody knows
    if (happens) state = model.step(state, input, output)![0]!;
    const returned = happens && !random.chance(0.15) ? { at: at + random.below(40), output } : undefined;
    return { process: 'p', input, calledAt: at - random.below(40), returned };
  });
}

function registerHistory(
  random: SeededRandom,
  operations: number,
): Operation<RegisterInput, RegisterOutput>[] {
  return truthful(REGISTER, random, operations, (state) => {
    const input = random.pick<RegisterInput>([
      { kind: 'write', value: random.below(3) },
      { kind: 'read' },
      { kind: 'cas', from: random.below(3), to: random.below(3) },
    ]);
    const answer = (): RegisterOutput =>
      input.kind === 'read' ? state : input.kind === 'cas' ? state === input.from : 0;
    return { input, answer };
  });
}

function journalHistory(random: SeededRandom, operations: number): JournalOp[] {
  let records = 0;
  let term = 0;
  return truthful(journalModel(), random, operations, (state) => {
    const { length, last } = state.log;
    const session = state.session || 's0';
    if (state.session === '' || random.chance(0.2)) {
      const input = { kind: 'fence', session: `s${++term}`, term } as const;
      return { input, answer: () => ({ kind: 'fenced', length }) };
    }
    if (random.chance(0.5)) {
      const input = { kind: 'append', session, record: ++records } as const;
      return { input, answer: () => ({ kind: 'appended', index: length }) };
    }
    return { input: { kind: 'read', session }, answer: () => ({ kind: 'saw', length, last }) };
  });
}

/** One answer changed, or one moment. */
function mutated<I, O>(
  history: readonly Operation<I, O>[],
  random: SeededRandom,
  another: (output: O) => O,
): Operation<I, O>[] {
  const changed = random.below(history.length);
  return history.map((operation, i) => {
    if (i !== changed || !operation.returned) return operation;
    const { at, output } = operation.returned;
    if (random.chance(0.5)) return { ...operation, returned: { at, output: another(output) } };
    const shift = random.below(80) - 40;
    return { ...operation, calledAt: operation.calledAt + shift, returned: { at: at + shift, output } };
  });
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

function otherRegisterAnswer(output: RegisterOutput): RegisterOutput {
  return typeof output === 'boolean' ? !output : (output + 1) % 3;
}

function otherJournalAnswer(output: JournalOutput): JournalOutput {
  if (output.kind === 'appended') return { ...output, index: output.index + 1 };
  return 'length' in output ? { ...output, length: Math.max(0, output.length - 1) } : output;
}

describe('random histories', () => {
  test('of a true register and a true journal are linearizable, however concurrent', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const register = checkLinearizable(REGISTER, registerHistory(seededRandom(seed), 25));
        expect(register.kind).toBe('linearizable');
        const journal = checkLinearizable(journalModel(), journalHistory(seededRandom(seed), 25));
        expect(journal.kind).toBe('linearizable');
      }),
      { numRuns: 300 },
    );
  });

  test('with one thing changed get the verdict of the definition', () => {
    const verdicts = { linearizable: 0, 'not-linearizable': 0, undecided: 0 };
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = seededRandom(seed);
        const register = mutated(registerHistory(random, 6), random, otherRegisterAnswer);
        const one = checkLinearizable(REGISTER, register).kind;
        expect(one).toBe(bruteForce(REGISTER, register) ? 'linearizable' : 'not-linearizable');
        const model = journalModel();
        const journal = mutated(journalHistory(random, 6), random, otherJournalAnswer);
        const two = checkLinearizable(model, journal).kind;
        expect(two).toBe(bruteForce(model, journal) ? 'linearizable' : 'not-linearizable');
        verdicts[one]++;
        verdicts[two]++;
      }),
      { numRuns: 1500 },
    );
    expect(verdicts.linearizable).toBeGreaterThan(500);
    expect(verdicts['not-linearizable']).toBeGreaterThan(300);
    expect(verdicts.undecided).toBe(0);
  });

  test('of a true journal stay linearizable for whoever knows the log at the end', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const history = journalHistory(seededRandom(seed), 30);
        const free = checkLinearizable(journalModel(), history);
        const log = free.kind === 'linearizable' ? logOf(free.order) : [];
        expect(
          checkLinearizable(journalModel(log), [...history, look(9e5, 9e6, log.length, log.at(-1))]).kind,
        ).toBe('linearizable');
      }),
      { numRuns: 200 },
    );
  });
});

function logOf(order: readonly JournalOp[]): number[] {
  return order.flatMap(({ input, returned }) =>
    input.kind === 'append' && returned?.output.kind !== 'not-appended' ? [input.record] : [],
  );
}
