import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import {
  decodeUpdate,
  encodeSnapshotHeader,
  encodeUpdate,
  indexesOf,
  logIndex,
  logTerm,
  MAX_CLIENT_ID,
  openSnapshot,
} from './index.ts';
import { RequestTable } from './requests.ts';
import { ByteReader, ByteWriter } from './varint.ts';

const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 60 });
const u64 = fc.bigInt(0n, MAX_CLIENT_ID);
const session = fc.oneof(
  fc.record({ kind: fc.constant('update' as const), clientId: u64, series: u64, respondedTo: u64 }),
  fc.record({ kind: fc.constantFrom('register' as const, 'unregister' as const), clientId: u64 }),
);
const asked = fc.record({ requestId: bytes, cmd: bytes });
const step = fc.record({ requestId: fc.constant(new Uint8Array(0)), cmd: bytes, session });
const commands = fc.oneof(
  fc.array(asked, { minLength: 1, maxLength: 8 }),
  fc.array(fc.oneof(asked, step), { minLength: 1, maxLength: 8 }),
);

describe('what stands inside a state entry', () => {
  test('comes back as it went in, with as many indexes as it has commands', () => {
    fc.assert(
      fc.property(position, position, commands, (term, first, list) => {
        const batch = { kind: 'batch' as const, term: logTerm(term), first: logIndex(first), commands: list };
        expect(decodeUpdate(encodeUpdate(batch))).toEqual(batch);
        expect(indexesOf(batch)).toBe(list.length);
        const noop = { kind: 'noop' as const, term: logTerm(term), first: logIndex(first) };
        expect(decodeUpdate(encodeUpdate(noop))).toEqual(noop);
      }),
    );
  });

  test('of commands without sessions is what versions before sessions have written', () => {
    const command = { requestId: utf8('r'), cmd: utf8('c') };
    const batch = { kind: 'batch' as const, term: logTerm(3), first: logIndex(200), commands: [command] };
    expect([...encodeUpdate(batch)]).toEqual([1, 4, 3, 200, 1, 1, 1, 114, 1, 99]);
  });

  test('is refused when it is cut, longer than it says, or of a version or kind that is not known', () => {
    fc.assert(
      fc.property(position, commands, fc.nat(), (first, list, at) => {
        const whole = encodeUpdate({
          kind: 'batch',
          term: logTerm(1),
          first: logIndex(first),
          commands: list,
        });
        expect(() => decodeUpdate(whole.subarray(0, at % whole.length))).toThrow();
        expect(() => decodeUpdate(Uint8Array.of(...whole, 0))).toThrow();
        expect(() => decodeUpdate(Uint8Array.of(2, ...whole.subarray(1)))).toThrow(/version/);
        expect(() => decodeUpdate(Uint8Array.of(1, 99, ...whole.subarray(2)))).toThrow(/kind/);
      }),
    );
  });

  test('of a snapshot is read off the front, however the bytes are cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        position,
        bytes,
        bytes,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom('full' as const, 'forced' as const, 'dummy' as const),
        bytes,
        async (index, clients, state, size, kind, files) => {
          const manifest = kind === 'dummy' ? new Uint8Array(0) : files;
          const header = { kind, term: logTerm(3), index: logIndex(index), clients, manifest };
          const whole = Buffer.concat([encodeSnapshotHeader(header), state]);
          async function* chunks(): AsyncGenerator<Uint8Array> {
            for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
          }
          const opened = await openSnapshot(chunks());
          expect(opened.header).toEqual(header);
          const rest: Uint8Array[] = [];
          for await (const chunk of opened.state) rest.push(chunk);
          expect(new Uint8Array(Buffer.concat(rest))).toEqual(state);
        },
      ),
    );
  });
});

describe('the table of requests', () => {
  const id = (n: number): string => `request-${n}`;
  const fill = (table: RequestTable, numbers: readonly number[]): void => {
    let at = 100;
    for (const n of numbers) {
      at++;
      if (table.use(id(n), at)) continue;
      table.settle(id(n), table.add(id(n), at), { value: n, data: utf8(`result ${n}`) });
      table.trim();
    }
  };
  const bounds = { requests: 3, resultBytes: 1000 };
  const saved = (table: RequestTable): Uint8Array => {
    const out = new ByteWriter();
    table.save(out);
    return out.finish();
  };

  test('gives a repeated request its first result, and forgets the least recently used first', () => {
    const table = new RequestTable(bounds);
    fill(table, [1, 2, 3, 1, 4]);
    expect(table.peek(id(1))?.value).toBe(1);
    expect(table.peek(id(2))).toBeUndefined();
    expect(table.size).toBe(3);
  });

  test('is bounded by the bytes of its results too', () => {
    const table = new RequestTable({ requests: 100, resultBytes: 20 });
    fill(table, [1, 2, 3]);
    expect([table.peek(id(1)), table.peek(id(3))?.value]).toEqual([undefined, 3]);
  });

  test('saved and loaded goes on exactly as the original would, use by use', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(6), { maxLength: 30 }),
        fc.array(fc.nat(6), { maxLength: 30 }),
        (before, after) => {
          const one = new RequestTable(bounds);
          fill(one, before);
          const two = new RequestTable(bounds);
          two.load(new ByteReader(saved(one)), 1000);
          fill(one, after);
          fill(two, after);
          expect(saved(two)).toEqual(saved(one));
        },
      ),
    );
  });

  test('saved with other bounds is refused: they are part of the replicated state', () => {
    const other = new ByteReader(saved(new RequestTable({ ...bounds, requests: 4 })));
    expect(() => new RequestTable(bounds).load(other, 0)).toThrow(/request table/);
  });
});
