import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, fromHex, utf8 } from '../../base/index.ts';
import { logIndex } from '../../statemachine/index.ts';
import { encodeCommand, type AnyCommand, type Pair } from '../command.ts';
import { KvFormatError } from '../errors.ts';
import { MAX_VALUE_BYTES } from '../limits.ts';
import { MemoryEngine } from './memory-engine.ts';
import { chunksOf, ENGINES, snapshotOf, type Driver } from './testing/driver.ts';
import { contentsOf, del, put, withDriver } from './testing/world.ts';

const never = new AbortController().signal;

function apply(engine: MemoryEngine, index: number, ...commands: AnyCommand[]): void {
  engine.update(
    commands.map((command, n) => ({ index: logIndex(index + n), cmd: encodeCommand(command, 7) })),
  );
}

function filled(count: number): MemoryEngine {
  const engine = new MemoryEngine();
  for (let i = 0; i < count; i++) apply(engine, 2 + i, put([`key ${i}`, `value ${i}`]));
  return engine;
}

async function loaded(bytes: Uint8Array, size?: number): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  await engine.recoverFromSnapshot(chunksOf(bytes, size), never);
  return engine;
}

/** Brings a driver's engine to what a snapshot says. */
async function load(driver: Driver, bytes: Uint8Array, size?: number): Promise<void> {
  await driver.engine.load(chunksOf(bytes, size), never);
}

describe.each(ENGINES)('snapshots, loaded into the %s engine', (name) => {
  test('any state comes back with the same hash, whatever the chunks it is read in; what was there is gone (GetPutSnapshot)', async () => {
    const pair = fc.record({
      key: fc.uint8Array({ minLength: 1, maxLength: 9 }),
      value: fc.uint8Array({ maxLength: 50 }),
      expiresAt: fc.integer({ min: 6, max: 300 }),
    });
    const staged = fc.option(fc.array(pair, { minLength: 1, maxLength: 9 }), { nil: undefined });
    await withDriver(name, async (driver) => {
      driver.apply([put(['left over', 'from before'])]);
      await driver.checkpoint();
      await fc.assert(
        fc.asyncProperty(
          fc.array(pair, { maxLength: 40 }),
          staged,
          fc.integer({ min: 1, max: 70 }),
          async (list, replacing, size) => {
            const engine = new MemoryEngine();
            const id = utf8('r');
            const commands: AnyCommand[] = list.map((one: Pair) => ({ kind: 'put', pairs: [one] }));
            if (replacing)
              commands.push(
                { kind: 'begin-replace', id },
                { kind: 'replace-part', id, part: 0, pairs: replacing },
              );
            apply(engine, 2, ...commands);
            await load(driver, await snapshotOf(engine), size);
            expect(driver.engine.stateHash()).toBe(engine.stateHash());
            const { keys, dataBytes } = driver.lookup({ kind: 'stats' });
            expect([keys, dataBytes]).toEqual([engine.keys, engine.dataBytes]);
          },
        ),
        { numRuns: 40 },
      );
    });
  });

  test('many frames and the largest values come back, and equal states give equal bytes', async () => {
    const engine = filled(8_000);
    for (const [n, key] of ['a', 'l', 'z'].entries())
      apply(engine, 30_000 + n, {
        kind: 'put',
        pairs: [{ key: utf8(key), value: new Uint8Array(MAX_VALUE_BYTES).fill(7) }],
      });
    const bytes = await snapshotOf(engine);
    await withDriver(name, async (driver) => {
      await load(driver, bytes);
      expect(driver.engine.stateHash()).toBe(engine.stateHash());
      expect(Buffer.compare(await snapshotOf(driver.engine), bytes)).toBe(0);
    });
  });

  test('a loaded engine goes on: it is written to, removed from and restarted', async () => {
    const engine = filled(300);
    await withDriver(name, async (driver) => {
      await load(driver, await snapshotOf(engine));
      const commands = Array.from({ length: 200 }, (_, i) =>
        i % 3 === 0 ? del(`key ${i}`) : put([`key ${i + 200}`, 'new']),
      );
      const entries = commands.map((command, n) => ({
        index: logIndex(302 + n),
        cmd: encodeCommand(command, 8),
      }));
      engine.update(entries);
      driver.engine.update(entries);
      expect(driver.engine.stateHash()).toBe(engine.stateHash());
    });
  });

  test('a snapshot that fails to load leaves the state as it was', async () => {
    const bytes = await snapshotOf(filled(20));
    await withDriver(name, async (driver) => {
      driver.apply([put(['a', '1'])]);
      for (const broken of [bytes.subarray(0, -1), Uint8Array.of(9), new Uint8Array()])
        await expect(load(driver, broken)).rejects.toBeInstanceOf(KvFormatError);
      driver.apply([put(['b', '2'])]);
      await driver.checkpoint();
      await driver.restart();
      expect(contentsOf(driver)).toEqual({ a: '1', b: '2' });
    });
  });

  test('a snapshot of version 1, from an old log, is read', async () => {
    // {a: 1, b: ''} as the first release wrote it
    const bytes = fromHex('0102000000070161013101620000000000');
    await withDriver(name, async (driver) => {
      await load(driver, bytes, 1);
      expect(contentsOf(driver)).toEqual({ a: '1', b: '' });
      for (let end = 0; end < bytes.length; end++)
        await expect(load(driver, bytes.subarray(0, end))).rejects.toBeInstanceOf(KvFormatError);
    });
  });

  test('a snapshot of version 2, from a log without identities, is read and begins one: the same for the same contents', async () => {
    // {a: 1 until 300, b: ''} at change 9
    const bytes = fromHex('020000000430d3d61e090702000000000a72f76d0701610131ac02016200000000000072f76d07');
    const other = new MemoryEngine();
    apply(other, 9, put(['a', '1', 300], ['b', 'x']));
    const memory = await loaded(bytes);
    await withDriver(name, async (driver) => {
      driver.clock.jumpWall(-driver.clock.wallMs());
      await load(driver, bytes, 3);
      expect(contentsOf(driver)).toEqual({ a: '1', b: '' });
      expect(driver.engine.latestAppliedChangeNumber()).toBe(9);
      expect(driver.engine.stateHash()).toBe(memory.stateHash());
      expect(driver.engine.appliedHistory()).toMatch(/^[0-9a-f]{32}$/);
      expect(driver.engine.appliedHistory()).not.toBe(new MemoryEngine().appliedHistory());
      expect(driver.engine.appliedHistory()).not.toBe(other.appliedHistory());
    });
  });

  test('saving shows the state at its start although commands and commits go on between its chunks (Z2, IterationOnExplicitSnapshot)', async () => {
    await withDriver(name, async (driver) => {
      driver.apply(Array.from({ length: 5000 }, (_, i) => put([`key ${i}`, 'before'.repeat(9)])));
      await driver.checkpoint();
      driver.apply(Array.from({ length: 50 }, (_, i) => put([`key ${i * 7}`, 'shortly before'])));
      const hash = driver.engine.stateHash();
      const view = driver.engine.prepareSnapshot();
      const chunks: Uint8Array[] = [];
      let n = 0;
      await driver.engine.saveSnapshot(
        view,
        async (chunk) => {
          chunks.push(chunk);
          for (let i = 0; i < 300; i++, n++)
            driver.apply([del(`key ${4999 - n}`), put([`key ${n}`, 'during']), put([`key ${n}x`, 'during'])]);
          await driver.checkpoint();
        },
        never,
      );
      expect(chunks.length).toBeGreaterThan(5);
      expect((await loaded(concatBytes(chunks))).stateHash()).toBe(hash);
      expect(driver.engine.stateHash()).not.toBe(hash);
    });
  });

  test('saving stops when its signal aborts', async () => {
    await withDriver(name, async (driver) => {
      driver.apply(Array.from({ length: 5000 }, (_, i) => put([`key ${i}`, 'x'.repeat(50)])));
      const abort = new AbortController();
      let written = 0;
      const saving = driver.engine.saveSnapshot(
        driver.engine.prepareSnapshot(),
        () => {
          if (++written === 2) abort.abort(new Error('stop'));
          return Promise.resolve();
        },
        abort.signal,
      );
      await expect(saving).rejects.toThrow('stop');
      expect(written).toBe(2);
    });
  });

  test('loading stops when its signal aborts', async () => {
    const bytes = await snapshotOf(filled(20));
    const abort = new AbortController();
    abort.abort(new Error('stop'));
    await withDriver(name, async (driver) => {
      await expect(driver.engine.load(chunksOf(bytes, 10), abort.signal)).rejects.toThrow('stop');
    });
  });
});

describe('the bytes of a snapshot', () => {
  test('cut anywhere, or with any byte changed, it is refused (P2)', async () => {
    const whole = await snapshotOf(filled(20));
    for (let at = 0; at < whole.length; at++) {
      await expect(loaded(whole.subarray(0, at))).rejects.toBeInstanceOf(KvFormatError);
      const changed = Uint8Array.from(whole);
      changed[at]! ^= 1 << (at % 8);
      await expect(loaded(changed)).rejects.toBeInstanceOf(KvFormatError);
    }
    await expect(loaded(concatBytes([whole, Uint8Array.of(0)]))).rejects.toBeInstanceOf(KvFormatError);
  });

  test('frames in another order, or one of them twice, are refused (P2)', async () => {
    const chunks: Uint8Array[] = [];
    const engine = filled(9000);
    const write = (chunk: Uint8Array): Promise<void> => Promise.resolve(void chunks.push(chunk));
    await engine.saveSnapshot(engine.prepareSnapshot(), write, never);
    const [version, header, first, second, ...rest] = chunks as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    for (const order of [
      [version, header, second, first, ...rest],
      [version, header, first, first, second, ...rest],
      [version, header, second, ...rest],
    ])
      await expect(loaded(concatBytes(order))).rejects.toBeInstanceOf(KvFormatError);
    expect((await loaded(concatBytes(chunks))).stateHash()).toBe(engine.stateHash());
  });

  test('they are fixed: a snapshot written today is read by every later version', async () => {
    const engine = new MemoryEngine();
    apply(engine, 9, put(['a', '1', 300], ['b', '']));
    const bytes = await snapshotOf(engine);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '0300000015fabe2eb509106b78d8a688290f458e96fa8089c09c4c0702000000000a748e4f1c01610131ac020162000000000000748e4f1c',
    );
  });
});
