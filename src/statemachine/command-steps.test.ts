/**
 * Which commands reach the machine, and how many at once (seeds.md F4.4, F4.20).
 */
import { describe, expect, test } from '@jest/globals';
import { fromUtf8, utf8 } from '../base/index.ts';
import { ClientTables } from './client-tables.ts';
import { commandSteps, type Outcome } from './command-steps.ts';
import type { Command } from './envelope.ts';
import type { SessionCall } from './sessions.ts';

const NONE = new Uint8Array(0);
const plain = (cmd: string): Command => ({ requestId: NONE, cmd: utf8(cmd) });
const asked = (id: string, cmd: string): Command => ({ requestId: utf8(id), cmd: utf8(cmd) });
const step = (session: SessionCall, cmd = ''): Command => ({ requestId: NONE, cmd: utf8(cmd), session });
const numbered = (clientId: bigint, series: bigint, cmd: string, respondedTo = 0n): Command =>
  step({ kind: 'update', clientId, series, respondedTo }, cmd);
const register = (clientId: bigint): Command => step({ kind: 'register', clientId });
const unregister = (clientId: bigint): Command => step({ kind: 'unregister', clientId });

/** A machine that answers how many commands it has applied. */
class Counter {
  readonly tables = new ClientTables();
  applied = 0;
  /** Commands of each call. */
  readonly calls: string[][] = [];
  #index = 1;

  entry(...commands: readonly Command[]): readonly (number | string)[] {
    const steps = commandSteps(this.tables, commands, this.#index);
    this.#index += commands.length;
    let next = steps.next();
    while (next.done !== true) {
      this.calls.push(next.value.map(({ cmd }) => fromUtf8(cmd)));
      next = steps.next(next.value.map(() => ({ value: ++this.applied, data: NONE })));
    }
    return next.value.map((outcome: Outcome) => ('refused' in outcome ? outcome.refused : outcome.value));
  }
}

describe('commands reach the machine', () => {
  test('together, when nobody has to remember them (UpdatesCanBeBatched)', () => {
    const machine = new Counter();
    expect(machine.entry(plain('a'), plain('b'), plain('c'))).toEqual([1, 2, 3]);
    expect(machine.calls).toEqual([['a', 'b', 'c']]);
  });

  test('together also under request ids, up to one that is known by then', () => {
    const machine = new Counter();
    expect(machine.entry(asked('1', 'a'), plain('b'), asked('1', 'a'), asked('2', 'c'))).toEqual([
      1, 2, 1, 3,
    ]);
    expect(machine.calls).toEqual([['a', 'b'], ['c']]);
  });

  test('one by one in sessions, and those before and after them apart (RegularSessionedEntryIsNotBatched)', () => {
    const machine = new Counter();
    const steps = [
      register(7n),
      plain('a'),
      plain('b'),
      numbered(7n, 1n, 'c'),
      numbered(7n, 2n, 'd'),
      plain('e'),
    ];
    expect(machine.entry(...steps)).toEqual([1, 1, 2, 3, 4, 5]);
    expect(machine.calls).toEqual([['a', 'b'], ['c'], ['d'], ['e']]);
  });

  test('not at all, when they are steps of a session only (NonUpdateEntryIsNotBatched)', () => {
    const machine = new Counter();
    expect(machine.entry(register(7n), unregister(7n))).toEqual([1, 1]);
    expect(machine.calls).toEqual([]);
  });
});

describe('a session', () => {
  test('is begun once and ended once', () => {
    const machine = new Counter();
    expect(machine.entry(register(7n), register(7n))).toEqual([1, 'session-exists']);
    expect(machine.entry(unregister(7n), unregister(7n))).toEqual([1, 'session-unknown']);
    expect(machine.entry(register(7n))).toEqual([1]);
  });

  test('that nobody began has no commands applied (UpdateFromUnregistered)', () => {
    const machine = new Counter();
    expect(machine.entry(numbered(7n, 1n, 'a'))).toEqual(['session-unknown']);
    expect(machine.applied).toBe(0);
  });

  test('has each number applied once, and answered again as often as it comes (DuplicatedUpdate)', () => {
    const machine = new Counter();
    machine.entry(register(7n));
    expect(machine.entry(numbered(7n, 1n, 'a'), numbered(7n, 1n, 'a'))).toEqual([1, 1]);
    expect(machine.entry(plain('b'), numbered(7n, 1n, 'a'))).toEqual([2, 1]);
    expect(machine.calls).toEqual([['a'], ['b']]);
  });

  test('has no number applied whose answer its client has (RespondedUpdate)', () => {
    const machine = new Counter();
    machine.entry(register(7n), numbered(7n, 1n, 'a'), numbered(7n, 2n, 'b'));
    expect(machine.entry(numbered(7n, 3n, 'c', 2n))).toEqual([3]);
    for (const series of [1n, 2n])
      expect(machine.entry(numbered(7n, series, 'again'))).toEqual(['series-answered']);
    expect(machine.entry(numbered(7n, 3n, 'c', 2n))).toEqual([3]);
    expect(machine.entry(numbered(7n, 5n, 'e', 9n))).toEqual(['series-answered']); // its client contradicts itself
    expect(machine.applied).toBe(3);
  });

  test('counts for itself: others may use the same numbers', () => {
    const machine = new Counter();
    machine.entry(register(7n), register(8n));
    expect(machine.entry(numbered(7n, 1n, 'a'), numbered(8n, 1n, 'b'))).toEqual([1, 2]);
  });

  test('a command without one is applied as often as it comes (NoOPSession)', () => {
    const machine = new Counter();
    expect(machine.entry(plain('a'), plain('a'))).toEqual([1, 2]);
  });
});

describe('a machine that answers', () => {
  const answered =
    (command: Command, results: readonly { value: number; data: Uint8Array }[]) => (): void => {
      const tables = new ClientTables();
      tables.sessions.register(7n, 1);
      const steps = commandSteps(tables, [command], 2);
      steps.next();
      steps.next(results);
    };
  const result = { value: 1, data: NONE };

  test.each([
    ['nothing', [], /0 entries|another number/],
    ['too much', [result, result], /2 entries|another number/],
    ['a fraction', [{ value: 0.5, data: NONE }], /result value/],
    ['more bytes than a result may have', [{ value: 1, data: new Uint8Array(2 ** 20 + 1) }], /too long/],
  ])('%s has failed, with a session or without', (_, results, message) => {
    expect(answered(plain('a'), results)).toThrow(message);
    expect(answered(numbered(7n, 1n, 'a'), results)).toThrow(message);
  });
});
