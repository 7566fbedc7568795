import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HoldfastError } from '../../base/index.ts';
import { AppendBuffer, type Appended, type Batch } from './append-buffer.ts';
import { Fifo } from './fifo.ts';

const MAX = 10;

type Step =
  | { readonly kind: 'append'; readonly lengths: readonly number[] }
  | { readonly kind: 'take' | 'confirm' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .array(fc.nat(12), { maxLength: 3 })
        .map((lengths) => ({ kind: 'append' as const, lengths })),
    },
    { weight: 1, arbitrary: fc.constantFrom({ kind: 'take' as const }, { kind: 'confirm' as const }) },
  ),
  { maxLength: 40 },
);

interface Run {
  readonly appends: readonly Appended[];
  /** Index of each append, in the order they settled. */
  readonly settled: number[];
  readonly outcomes: (string | undefined)[];
  readonly buffer: AppendBuffer;
  /** End of what was taken, and of what was confirmed. */
  readonly sentEnd: number;
  readonly confirmed: number;
}

async function run(script: readonly Step[]): Promise<Run> {
  const buffer = new AppendBuffer(0, MAX);
  const appends: Appended[] = [];
  const settled: number[] = [];
  const outcomes: (string | undefined)[] = [];
  const taken: Batch[] = [];
  let confirmed = 0;
  for (const step of script) {
    if (step.kind === 'append') {
      const index = appends.length;
      const appended = buffer.append(step.lengths.map((length) => new Uint8Array(length)));
      appends.push(appended);
      const settle = (outcome: string): void => {
        settled.push(index);
        outcomes[index] = outcome;
      };
      appended.committed.then(
        () => settle('committed'),
        (error: HoldfastError) => settle(error.code),
      );
      buffer.confirm(confirmed);
    } else if (step.kind === 'take' && buffer.bytes > 0) taken.push(buffer.take());
    else if (step.kind === 'confirm' && taken.length > 0) {
      confirmed = taken.shift()!.end;
      buffer.confirm(confirmed);
    }
    await Promise.resolve();
    await Promise.resolve();
    // Each is told exactly when its last byte is confirmed.
    expect(appends.map(({ end }, i) => [i, end <= confirmed])).toEqual(
      appends.map((_, i) => [i, outcomes[i] === 'committed']),
    );
  }
  return { appends, settled, outcomes, buffer, confirmed, sentEnd: taken.at(-1)?.end ?? confirmed };
}

test('every caller settles in the order of its bytes, when the last of them is confirmed and not before', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const { settled } = await run(script);
      expect(settled).toEqual(settled.toSorted((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
});

test('who shares a promise with others is told of its own bytes: sent, or never sent', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const { appends, outcomes, buffer, sentEnd, confirmed } = await run(script);
      buffer.fail(sentEnd, (sent) => new HoldfastError(sent ? 'SENT' : 'NEVER', 'over'));
      await Promise.resolve();
      await Promise.resolve();
      for (const [i, { begin, end }] of appends.entries()) {
        const expected = end <= confirmed ? 'committed' : begin < sentEnd || begin === end ? 'SENT' : 'NEVER';
        expect([i, outcomes[i]]).toEqual([i, expected]);
      }
      expect(buffer.bytes).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test('a crowd costs one promise a batch', () => {
  const buffer = new AppendBuffer(0, 100);
  const promises = new Set<Promise<void>>();
  for (let i = 0; i < 1000; i++) promises.add(buffer.append([new Uint8Array(10)]).committed);
  expect(promises.size).toBe(100);
});

test('a queue is what an array is, and stays quick when it is long', () => {
  const operations = fc.array(fc.constantFrom('push', 'push', 'shift', 'drain'), { maxLength: 60 });
  fc.assert(
    fc.property(operations, (script) => {
      const fifo = new Fifo<number>();
      let array: number[] = [];
      for (const [i, operation] of script.entries()) {
        if (operation === 'push') fifo.push(array[array.push(i) - 1]!);
        else if (operation === 'shift') expect(fifo.shift()).toBe(array.shift());
        else {
          expect(fifo.drain()).toEqual(array);
          array = [];
        }
        expect([fifo.length, fifo.first, fifo.last]).toEqual([array.length, array[0], array.at(-1)]);
      }
    }),
  );
  const long = new Fifo<number>(); // with Array.shift this alone takes minutes
  for (let i = 0; i < 1_000_000; i++) long.push(i);
  for (let i = 0; i < 1_000_000; i++) if (long.shift() !== i) throw new Error(`out of order at ${i}`);
  expect(long.length).toBe(0);
});
