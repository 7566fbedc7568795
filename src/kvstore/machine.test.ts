import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, utf8 } from '../base/index.ts';
import { logIndex, type Entry } from '../statemachine/index.ts';
import { encodeCommand, type Command } from './command.ts';
import { KvFormatError } from './errors.ts';
import { commandDigest, KvMachine } from './machine.ts';
import { type Query, type Values } from './service.ts';
import { type Page } from './store.ts';

function put(key: string, value: string): Command {
  return { kind: 'put', pairs: [{ key: utf8(key), value: utf8(value) }] };
}

function entries(first: number, commands: readonly Command[]): Entry[] {
  return commands.map((command, i) => ({ index: logIndex(first + i), cmd: encodeCommand(command) }));
}

function valueOf(machine: KvMachine, key: string): string | undefined {
  const query: Query = { kind: 'get', keys: [utf8(key)] };
  const [value] = machine.lookup(query) as Values;
  return value && fromUtf8(value);
}

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

describe('the machine', () => {
  test('answers every entry in order with its result and the digest of its command (Z1)', () => {
    const machine = new KvMachine();
    const commands: Command[] = [
      put('a', '1'),
      { kind: 'delete', key: utf8('b') },
      { kind: 'cas', key: utf8('a'), expected: utf8('1'), value: utf8('2') },
    ];
    const given = entries(7, commands);
    const applied = machine.update(given);
    expect(applied.map(({ index, result }) => [index, result.value])).toEqual([
      [7, 1],
      [8, 0],
      [9, 1],
    ]);
    applied.forEach(({ cmd, result }) => expect(result.data).toEqual(commandDigest(cmd)));
    expect(commandDigest(given[0]!.cmd)).not.toEqual(commandDigest(given[1]!.cmd));
    expect(valueOf(machine, 'a')).toBe('2');
    const page = machine.lookup({
      kind: 'page',
      page: { prefix: utf8('a'), start: undefined, limit: 5 },
    }) as Page;
    expect(page.pairs).toEqual([{ key: utf8('a'), value: utf8('2') }]);
  });

  test('gives the same state however its entries are batched (I7)', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const command: fc.Arbitrary<Command> = fc.oneof(
      fc.tuple(key, fc.string({ maxLength: 3 })).map(([k, v]) => put(k, v)),
      key.map((k): Command => ({ kind: 'delete', key: utf8(k) })),
      fc.tuple(key, fc.option(fc.constantFrom('', 'x'), { nil: undefined })).map(([k, e]): Command => ({
        kind: 'cas',
        key: utf8(k),
        expected: e === undefined ? undefined : utf8(e),
        value: utf8('x'),
      })),
    );
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 40 }),
        fc.array(fc.nat(40), { maxLength: 6 }),
        (commands, cuts) => {
          const whole = new KvMachine();
          const all = whole.update(entries(1, commands));
          const parts = new KvMachine();
          const bounds = [
            0,
            ...cuts.filter((cut) => cut <= commands.length).sort((a, b) => a - b),
            commands.length,
          ];
          const pieces = bounds
            .slice(1)
            .flatMap((end, i) => parts.update(entries(bounds[i]! + 1, commands.slice(bounds[i], end))));
          expect(pieces).toEqual(all);
          expect(parts.stateHash()).toBe(whole.stateHash());
        },
      ),
    );
  });

  test('saves the view that was prepared, while updates go on, and another machine continues from it (Z2)', async () => {
    const machine = new KvMachine();
    machine.update(
      entries(
        1,
        Array.from({ length: 5000 }, (_, i) => put(`key ${i}`, 'before')),
      ),
    );
    const hash = machine.stateHash();
    const view = machine.prepareSnapshot();
    const chunks: Uint8Array[] = [];
    let index = 5001;
    await machine.saveSnapshot(
      view,
      (chunk) => {
        chunks.push(chunk);
        machine.update(entries(index++, [put(`key ${index}`, 'during')]));
        return Promise.resolve();
      },
      new AbortController().signal,
    );
    const restored = new KvMachine();
    restored.update(entries(1, [put('left over', 'from before')]));
    await restored.recoverFromSnapshot(chunksOf(chunks), new AbortController().signal);
    expect(restored.stateHash()).toBe(hash);
    expect([restored.keys, valueOf(restored, 'left over')]).toEqual([5000, undefined]);
    restored.update(
      entries(
        5001,
        Array.from({ length: index - 5001 }, (_, i) => put(`key ${5002 + i}`, 'during')),
      ),
    );
    expect(restored.stateHash()).toBe(machine.stateHash());
  });

  test('a snapshot that fails to load leaves the state as it was', async () => {
    const machine = new KvMachine();
    machine.update(entries(1, [put('a', '1')]));
    const broken = machine.recoverFromSnapshot(chunksOf([Uint8Array.of(1, 5)]), new AbortController().signal);
    await expect(broken).rejects.toBeInstanceOf(KvFormatError);
    expect(valueOf(machine, 'a')).toBe('1');
  });

  test('saving stops when its signal aborts', async () => {
    const machine = new KvMachine();
    machine.update(
      entries(
        1,
        Array.from({ length: 5000 }, (_, i) => put(`key ${i}`, 'x'.repeat(200))),
      ),
    );
    const abort = new AbortController();
    let written = 0;
    const saving = machine.saveSnapshot(
      machine.prepareSnapshot(),
      () => {
        if (++written === 2) abort.abort(new Error('stop'));
        return Promise.resolve();
      },
      abort.signal,
    );
    await expect(saving).rejects.toThrow('stop');
    expect(written).toBe(2);
  });

  test('a command it cannot read halts it rather than being passed over', () => {
    const machine = new KvMachine();
    const unreadable: Entry = { index: logIndex(2), cmd: Uint8Array.of(9) };
    expect(() => machine.update([...entries(1, [put('a', '1')]), unreadable])).toThrow(KvFormatError);
  });

  test('keeps nothing of the entry it was given: the log may reuse its buffer', () => {
    const machine = new KvMachine();
    const [entry] = entries(1, [put('a', 'value')]);
    machine.update([entry!]);
    entry!.cmd.fill(0);
    expect(valueOf(machine, 'a')).toBe('value');
  });
});
