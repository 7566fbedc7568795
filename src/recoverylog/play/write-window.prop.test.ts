/**
 * What a window writes in the end is what doing every operation at once would have left.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { STAGING } from '../paths.ts';
import { faultyFs, withTempDir } from '../testing/index.ts';
import { PARALLEL_CALLS } from './local-fs.ts';
import { MAX_OPEN, StagedFiles } from './staged-files.ts';
import { WriteWindow, type WindowLimits } from './write-window.ts';

type Op =
  | { readonly do: 'create' }
  | {
      readonly do: 'write';
      readonly file: number;
      readonly at: number;
      readonly length: number;
      readonly own: boolean;
    }
  /** A write right behind the last one of the file. */
  | { readonly do: 'append'; readonly file: number; readonly length: number }
  | { readonly do: 'remove'; readonly file: number }
  | { readonly do: 'next-read' };

const length = fc.oneof(fc.nat(6), fc.nat(40));
const ops: fc.Arbitrary<Op> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ do: 'create' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      file: fc.nat(),
      at: fc.nat(60),
      length,
      own: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), file: fc.nat(), length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), file: fc.nat() }) },
  { weight: 2, arbitrary: fc.constant({ do: 'next-read' as const }) },
);
const limits: fc.Arbitrary<WindowLimits> = fc.record({
  bytes: fc.constantFrom(1, 50, 300, 1e6),
  pieces: fc.constantFrom(1, 4, 1000),
  copyBelow: fc.constantFrom(0, 5, 20, 1000),
});

/** Bytes of one read: so large that all writes until the next one fit. */
const READ_BYTES = 2000;

/** A window over real files, with what it does to the memory that it was lent. */
class Bench {
  readonly window: WriteWindow;
  readonly model = new Map<number, Uint8Array>();
  readonly lent: { readonly bytes: Uint8Array; back: number }[] = [];
  #fnode = 0;
  #used = 0;
  #byte = 0;

  constructor(staged: StagedFiles, limit: WindowLimits) {
    this.window = new WriteWindow(staged, limit);
    this.#read();
  }

  async do(op: Op): Promise<void> {
    const fnodes = [...this.model.keys()];
    const fnode = 'file' in op ? fnodes[op.file % fnodes.length] : undefined;
    if (op.do === 'create') {
      this.window.create(++this.#fnode);
      this.model.set(this.#fnode, new Uint8Array());
    } else if (op.do === 'next-read') await this.nextRead();
    else if (fnode === undefined) return;
    else if (op.do === 'remove') {
      this.window.remove(fnode);
      this.model.delete(fnode);
    } else if (op.do === 'append') this.#write(fnode, this.model.get(fnode)!.length, op.length, false);
    else this.#write(fnode, op.at, op.length, op.own);
  }

  async nextRead(): Promise<void> {
    this.window.end();
    await this.window.room(new AbortController().signal);
    this.#read();
  }

  #read(): void {
    const lent = { bytes: new Uint8Array(READ_BYTES), back: 0 };
    this.lent.push(lent);
    this.#used = 0;
    this.window.begin(lent.bytes, () => {
      lent.back++;
      lent.bytes.fill(0xee); // whoever looks at it now sees that it is somebody else's
    });
  }

  #write(fnode: number, at: number, size: number, own: boolean): void {
    const bytes = Uint8Array.from({ length: size }, () => (this.#byte = (this.#byte % 200) + 1));
    let data: Uint8Array = bytes;
    if (!own && this.#used + size <= READ_BYTES) {
      data = this.lent.at(-1)!.bytes.subarray(this.#used, this.#used + size);
      data.set(bytes);
      this.#used += size;
    }
    this.window.write(fnode, data, at);
    if (size === 0) return;
    const before = this.model.get(fnode)!;
    const after = new Uint8Array(Math.max(before.length, at + size));
    after.set(before);
    after.set(bytes, at);
    this.model.set(fnode, after);
  }
}

async function stagedContent(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(join(dir, STAGING)))
    found[name] = (await readFile(join(dir, STAGING, name))).toString('hex');
  return found;
}

const hexOf = (model: ReadonlyMap<number, Uint8Array>): Record<string, string> =>
  Object.fromEntries([...model].map(([fnode, content]) => [fnode, Buffer.from(content).toString('hex')]));

describe('a window of whatever size', () => {
  test('leaves the files that doing every operation at once leaves, and gives each memory back once', () =>
    withTempDir((dir) =>
      fc.assert(
        fc.asyncProperty(fc.array(ops, { maxLength: 60 }), limits, async (story, limit) => {
          const disk = faultyFs(Infinity);
          const staged = new StagedFiles(dir, disk.fs);
          await staged.wipe();
          const bench = new Bench(staged, limit);
          for (const op of story) await bench.do(op);
          bench.window.end();
          await bench.window.flush(new AbortController().signal);
          await bench.window.close();
          await staged.close();
          expect(await stagedContent(dir)).toEqual(hexOf(bench.model));
          expect(bench.lent.map(({ back }) => back)).toEqual(bench.lent.map(() => 1));
          expect(bench.window.heldBytes).toBe(0);
          expect(disk.open()).toBe(0);
        }),
        {
          numRuns: 300,
          examples: [
            [
              // a file that dies while its second batch is written: it stayed on the disk
              [
                { do: 'create' },
                { do: 'write', file: 0, at: 0, length: 1, own: false },
                { do: 'next-read' },
                { do: 'write', file: 0, at: 0, length: 1, own: false },
                { do: 'next-read' },
                { do: 'remove', file: 0 },
              ],
              { bytes: 1, pieces: 1, copyBelow: 20 },
            ],
          ],
        },
      ),
    ));

  test('that ends at any call of the disk that fails, or is closed before its end, gives each memory back once and leaves nothing open', () =>
    withTempDir((dir) =>
      fc.assert(
        fc.asyncProperty(
          fc.array(ops, { minLength: 10, maxLength: 60 }),
          limits,
          fc.integer({ min: 1, max: 60 }),
          async (story, limit, failAt) => {
            await new StagedFiles(dir).wipe();
            const disk = faultyFs(failAt);
            const staged = new StagedFiles(dir, disk.fs);
            const bench = new Bench(staged, limit);
            const failure = await (async () => {
              for (const op of story) await bench.do(op);
              if (failAt % 2 === 0) await bench.window.flush(new AbortController().signal);
              return undefined;
            })().catch((error: unknown) => error);
            await bench.window.close();
            await staged.close().catch(() => undefined); // the call that fails may be this one
            if (failure) expect(failure).toMatchObject({ code: 'EIO' });
            expect(bench.lent.map(({ back }) => back)).toEqual(bench.lent.map(() => 1));
            expect([bench.window.heldBytes, disk.open()]).toEqual([0, 0]);
          },
        ),
        { numRuns: 200 },
      ),
    ));
});

/** A window whose disk only counts. */
function counting(limit: WindowLimits): { readonly window: WriteWindow; readonly calls: string[] } {
  const calls: string[] = [];
  const put: StagedFiles['put'] = async (fnode, isNew, extents) => {
    const bytes = extents.reduce((sum, { start, end }) => sum + end - start, 0);
    calls.push(`${isNew ? 'new' : 'old'} ${fnode}: ${extents.length} pieces, ${bytes} bytes`);
  };
  const remove: StagedFiles['remove'] = async (fnode) => void calls.push(`remove ${fnode}`);
  return { window: new WriteWindow({ put, remove }, limit), calls };
}

describe('what a window decides', () => {
  const whole: WindowLimits = { bytes: 1e6, pieces: 1000, copyBelow: 1000 };
  const { signal } = new AbortController();

  test('files that die in it are never made, bytes that are overwritten never written, fifty small writes that touch are three pieces of one', async () => {
    const { window, calls } = counting(whole);
    for (let fnode = 1; fnode <= 100; fnode++) {
      window.create(fnode);
      for (let at = 0; at < 500; at += 10) window.write(fnode, new Uint8Array(10), at);
      for (let at = 0; at < 500; at += 10) window.write(fnode, new Uint8Array(10), at);
      if (fnode < 100) window.remove(fnode);
      await window.room(signal);
    }
    await window.flush(signal);
    expect(calls).toEqual(['new 100: 3 pieces, 500 bytes']);
  });

  test('when half of it waits, what has waited longest goes first, and a file that dies then is removed', async () => {
    const { window, calls } = counting({ ...whole, bytes: 1000 });
    for (const fnode of [1, 2, 3]) {
      window.create(fnode);
      window.write(fnode, new Uint8Array(200), 0);
    }
    await window.room(signal);
    window.remove(1);
    await window.flush(signal);
    expect(calls).toEqual([
      'new 1: 1 pieces, 200 bytes',
      'new 2: 1 pieces, 200 bytes',
      'new 3: 1 pieces, 200 bytes',
      'remove 1',
    ]);
  });

  test('whoever reads waits while more is held than it may, and no longer', async () => {
    const put = Promise.withResolvers<void>();
    const window = new WriteWindow(
      { put: () => put.promise, remove: () => Promise.resolve() },
      { ...whole, bytes: 100, copyBelow: 0 },
    );
    window.create(1);
    window.begin(new Uint8Array(101), undefined);
    window.write(1, new Uint8Array(101), 0);
    window.end();
    let isThrough = false;
    const waiting = window.room(signal).then(() => (isThrough = true));
    await Promise.resolve();
    expect([isThrough, window.heldBytes]).toEqual([false, 101]);
    put.resolve();
    await waiting;
    expect(window.heldBytes).toBe(0);
  });
});

test('files that are kept open are few, also when all of them are written at once', () =>
  withTempDir(async (dir) => {
    const disk = faultyFs(Infinity);
    const staged = new StagedFiles(dir, disk.fs);
    await staged.wipe();
    const window = new WriteWindow(staged, { bytes: 1e6, pieces: 1e6, copyBelow: 100 });
    for (let round = 0; round < 2; round++) {
      for (let fnode = 1; fnode <= MAX_OPEN + 50; fnode++) {
        if (round === 0) window.create(fnode);
        window.write(fnode, Uint8Array.of(round + 1), round);
      }
      await window.flush(new AbortController().signal);
    }
    await window.close();
    expect(disk.open()).toBe(MAX_OPEN);
    expect(disk.mostOpen()).toBeLessThanOrEqual(MAX_OPEN + PARALLEL_CALLS);
    await staged.close();
    expect(disk.open()).toBe(0);
    expect(new Set(Object.values(await stagedContent(dir)))).toEqual(new Set(['0102']));
  }));
