/**
 * The seed's tests of its storage interfaces (seeds.md §3.4, names in brackets), over both engines.
 */
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { concatBytes, fromUtf8, utf8 } from '../../base/index.ts';
import { type ObjectStore } from '../../store/index.ts';
import { FaultyStore, MemoryStore } from '../../store/testing/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import { MAX_BATCH_PAIRS, MAX_MULTI_GET_BYTES, MAX_VALUE_BYTES } from '../limits.ts';
import { AheadError, BackupError, BusyError, ClosedError, GapError } from './errors.ts';
import { ENGINES, type Driver } from './testing/driver.ts';
import { pair, textOf, withDriver } from './testing/world.ts';
import { type Store } from './store.ts';
import { type SnapshotStream } from './types.ts';

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`);

async function fill(store: Store, prefix: string, count: number): Promise<void> {
  for (const key of names(prefix, count)) await store.put(pair(key, `value of ${key}`));
}

async function valueOf(store: Store, key: string): Promise<string | undefined> {
  const [found] = await store.get(utf8(key));
  return found && fromUtf8(found.value);
}

async function contents(store: Store): Promise<Record<string, string>> {
  return textOf(await store.iterate());
}

async function bytesOf(snapshot: SnapshotStream): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks) chunks.push(chunk);
  return chunks;
}

async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

/** A store that lasts while a test opens it several times. */
function lasting(store: ObjectStore): () => ObjectStore {
  return () =>
    new Proxy(store, {
      get: (target, name) => (name === 'close' ? () => Promise.resolve() : bound(target, name)),
    });
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}

describe.each(ENGINES)('the store over the %s engine', (name) => {
  test('what was put is got; pairs that are undefined are passed over (PutAndGet, MultiPutAndGet, MultiGet)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      await store.put(pair('a', '1'), undefined, pair('b', '2', driver.clock.wallMs() + 1000));
      await store.put();
      await store.put(undefined);
      expect(driver.index).toBe(2);
      expect(await store.get(utf8('b'), utf8('missing'), utf8('a'))).toEqual([
        pair('b', '2', driver.clock.wallMs() + 1000),
        pair('a', '1'),
      ]);
      expect(await store.getEach([utf8('missing'), utf8('a')])).toEqual([undefined, utf8('1')]);
    });
  });

  test('one read holds no more values than an answer may; all are got all the same', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      const keys = names('k', 10).map(utf8);
      const value = new Uint8Array(MAX_VALUE_BYTES);
      for (const key of keys) await store.put({ key, value });
      const most = MAX_MULTI_GET_BYTES / MAX_VALUE_BYTES;
      expect(driver.engine.lookup({ kind: 'pairs', keys })).toHaveLength(most);
      const found = await store.get(...keys, utf8('missing'));
      expect(found.map((one) => [fromUtf8(one.key), one.value.length])).toEqual(
        names('k', 10).map((key) => [key, MAX_VALUE_BYTES]),
      );
    });
  });

  test('numbers of any size are values (PutIntAndGet)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      for (const n of [0, 1, 255, 65_536, 2 ** 31]) {
        const value = new Uint8Array(8);
        new DataView(value.buffer).setBigUint64(0, BigInt(n));
        await store.put({ key: value, value });
        expect(await store.getEach([value])).toEqual([value]);
      }
    });
  });

  test('a key that was deleted or never written is not there, without an error; an empty value is (Delete, MissingGet, PutEmptyValue)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      await store.put(pair('a', ''));
      expect(await valueOf(store, 'a')).toBe('');
      expect([await store.delete(utf8('a')), await store.delete(utf8('a'))]).toEqual([true, false]);
      expect(await store.get(utf8('a'), utf8('never'))).toEqual([]);
    });
  });

  test('what no command can hold is refused before it is proposed', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      const key = new Uint8Array();
      await expect(store.put({ key, value: key })).rejects.toMatchObject({ code: 'INVALID_KEY' });
      await expect(store.get(key)).rejects.toMatchObject({ code: 'INVALID_KEY' });
      await expect(store.delete(key)).rejects.toMatchObject({ code: 'INVALID_KEY' });
      const many = names('k', MAX_BATCH_PAIRS + 1).map((one) => pair(one, ''));
      await expect(store.put(...many)).rejects.toMatchObject({ code: 'INVALID_BODY' });
      expect(driver.index).toBe(1);
    });
  });

  test('of ten creations at once one is made; counting up and down at once ends where it began (AtomicKeyCreation, AtomicIncrDecr)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      const create = (n: number): Promise<boolean> =>
        store.compareAndSet({ key: utf8('one'), expected: undefined, value: utf8(`${n}`) });
      const made = await Promise.all(names('', 10).map((_, n) => create(n)));
      expect(made.filter(Boolean)).toEqual([true]);
      await store.put(pair('count', '0'));
      const add = async (by: number): Promise<void> => {
        for (let done = false; !done;) {
          const [expected] = await store.getEach([utf8('count')]);
          const value = utf8(String(Number(fromUtf8(expected!)) + by));
          done = await store.compareAndSet({ key: utf8('count'), expected, value });
        }
      };
      await Promise.all(Array.from({ length: 20 }, (_, n) => add(n % 2 === 0 ? 1 : -1)));
      expect(await valueOf(store, 'count')).toBe('0');
    });
  });

  test('an iteration closes whatever its handler does, and stops at its first error (IterationConcat, TTLIteratorWithoutPrefix)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      const now = driver.clock.wallMs();
      await fill(store, 'plain', 3);
      await store.put(pair('early', 'x', now + 50), pair('late', 'x', now - 50), pair('zz', 'x', now + 50));
      expect(Object.keys(await contents(store))).toEqual(['early', ...names('plain', 3), 'zz']);
      const seen: string[] = [];
      const iteration = await store.iterate({ prefix: utf8('p') });
      const run = iteration.forEach(({ key }) => {
        seen.push(fromUtf8(key));
        throw new Error('enough');
      });
      await expect(run).rejects.toThrow('enough');
      expect([seen, [...iteration]]).toEqual([['plain0000'], []]);
      await expect(store.iterate({ prefix: utf8('p'), start: utf8('o') })).rejects.toMatchObject({
        code: 'INVALID_QUERY',
      });
    });
  });

  test('five writes are five changes, each one record with its operations; reads are none (GetLatestChangeNumber, LoadChanges)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      expect(await store.latestCommittedChangeNumber()).toBe(0);
      await fill(store, 'k', 5);
      await store.put(pair('a', '1'), pair('b', '2', 7), pair('a', '3'));
      await store.delete(utf8('k0000'));
      await store.compareAndSet({ key: utf8('k0001'), expected: undefined, value: utf8('no') });
      await store.get(utf8('a'));
      expect(await store.latestCommittedChangeNumber()).toBe(driver.index);
      const changes = await store.loadChanges(6, 100);
      const now = driver.clock.wallMs();
      const puts = ['a 1', 'b 2', 'a 3'];
      expect(changes.map(({ number, previous }) => [number, previous])).toEqual(
        [6, 7, 8, 9].map((n) => [n, n - 1]),
      );
      expect(
        changes.map(({ operations }) =>
          operations.map((o) =>
            o.kind === 'put' ? `${fromUtf8(o.key)} ${fromUtf8(o.value)}` : fromUtf8(o.key),
          ),
        ),
      ).toEqual([
        ['k0004 value of k0004'],
        [...puts, 'b'], // b had expired when it was written
        ['k0000'],
        [],
      ]);
      expect(changes[1]).toMatchObject({
        now,
        operations: [{ expiresAt: 0 }, { expiresAt: 7 }, {}, { kind: 'delete' }],
      });
      expect((await store.loadChanges(2, 3)).map(({ number }) => number)).toEqual([2, 3, 4]);
      expect(await store.loadChanges(driver.index + 1, 3)).toEqual([]);
      await expect(store.loadChanges(driver.index + 2, 3)).rejects.toBeInstanceOf(AheadError);
      await expect(store.loadChanges(1, 3)).rejects.toMatchObject({
        code: 'KV_CHANGES_GAP',
        oldestAvailable: 2,
      });
    });
  });

  test('saving changes stops at a gap and says how far it came; what is in already is passed over (SaveChanges)', async () => {
    await withDriver(name, async (driver) => {
      await withDriver('memory', async (source) => {
        await fill(source.store(), 'k', 8);
        await source.store().delete(utf8('k0001'));
        const changes = source.lookup({ kind: 'changes', from: 2, max: 99 });
        await driver.engine.load(source.lookup({ kind: 'snapshot' }).chunks, new AbortController().signal);
        expect(await driver.engine.saveChanges(changes)).toEqual({ appliedUpTo: 10 });
        await fill(source.store(), 'l', 3);
        const [first, second, third] = source.lookup({ kind: 'changes', from: 11, max: 99 });
        const saved = await driver.engine.saveChanges([first!, third!]);
        expect(saved.appliedUpTo).toBe(11);
        expect(saved.error).toBeInstanceOf(GapError);
        await driver.restart();
        if (name === 'sqlite') expect(driver.engine.latestAppliedChangeNumber()).toBe(11);
        else
          await driver.engine.load(source.lookup({ kind: 'snapshot' }).chunks, new AbortController().signal);
        expect(await driver.engine.saveChanges([first!, second!, third!])).toEqual({ appliedUpTo: 13 });
        expect(driver.engine.stateHash()).toBe(source.engine.stateHash());
      });
    });
  });

  test('a snapshot put into a store replaces what it held, expiries included (GetPutSnapshot, GetPutSnapshotTTLOnly)', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      await fill(store, 'a', 2000);
      await store.put(pair('soon', 'x', driver.clock.wallMs() + 50));
      const before = await contents(store);
      const snapshot = await store.getSnapshot();
      await fill(store, 'b', 20);
      await store.delete(utf8('a0000'));
      expect([snapshot.changeNumber, snapshot.pairs]).toEqual([driver.index - 21, 2001]);
      await store.putSnapshot(given(await bytesOf(snapshot)));
      expect(await contents(store)).toEqual(before);
      await expect(store.loadChanges(driver.index, 1)).rejects.toBeInstanceOf(GapError); // followers begin anew
      expect(await store.loadChanges(driver.index + 1, 1)).toEqual([]);
      driver.clock.jumpWall(50);
      expect(await valueOf(store, 'soon')).toBeUndefined();
      await driver.checkpoint();
      await driver.restart();
      expect(Object.keys(await contents(store))).toEqual(names('a', 2000));
    });
  });

  test('a snapshot that is cut leaves the store as it was, and writes go on', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      await fill(store, 'a', 30);
      const whole = concatBytes(await bytesOf(await store.getSnapshot()));
      await store.put(pair('after', 'x'));
      const before = await contents(store);
      await expect(store.putSnapshot(given([whole.subarray(0, -1)]))).rejects.toMatchObject({
        code: 'KV_FORMAT',
      });
      expect(await contents(store)).toEqual(before);
      await store.put(pair('goes', 'on'));
    });
  });

  test('closed, it does nothing any more, and closing again is no error', async () => {
    await withDriver(name, async (driver) => {
      const store = driver.store();
      await store.close();
      await store.close();
      await expect(store.put(pair('a', ''))).rejects.toBeInstanceOf(ClosedError);
      await expect(store.get(utf8('a'))).rejects.toBeInstanceOf(ClosedError);
      await expect(store.backupTo('memory:')).rejects.toBeInstanceOf(ClosedError);
    });
  });
});

describe.each(ENGINES)('backups of the %s engine', (name) => {
  const withBackup = (use: (driver: Driver, store: Store, dir: string) => Promise<void>): Promise<void> =>
    withDriver(name, async (driver, dir) => {
      const backups = join(dir, 'backups');
      const recordedDir = join(dir, 'recorded');
      await mkdir(backups);
      await mkdir(recordedDir);
      await use(driver, driver.store({ recordedDir }), dir);
    });

  test('a restore brings back what was there at the backup, and nothing else (BackupAndRestore)', async () => {
    await withBackup(async (_, store, dir) => {
      await fill(store, 'a', 300);
      const url = `file://${dir}/backups`;
      const report = await store.backupTo(url);
      expect(report).toMatchObject({ pairs: 300, changeNumber: 301 });
      await fill(store, 'later', 10);
      await store.delete(utf8('a0000'));
      expect(await store.restoreFrom(url)).toEqual(report);
      expect(Object.keys(await contents(store))).toEqual(names('a', 300));
      await store.put(pair('goes', 'on'));
    });
  });

  test('a place that holds one, that is missing, or in the recorded directory, is refused (BackupFolderValidity, RestoreFolderValidity)', async () => {
    await withBackup(async (_, store, dir) => {
      await fill(store, 'a', 3);
      const url = `file://${dir}/backups`;
      await expect(store.backupTo('')).rejects.toMatchObject({ code: 'STORE_URL_INVALID' });
      await expect(store.restoreFrom('')).rejects.toMatchObject({ code: 'STORE_URL_INVALID' });
      await expect(store.backupTo(`file://${dir}/missing`)).rejects.toThrow();
      await expect(store.restoreFrom(url)).rejects.toThrow('is not there, or was not finished');
      await store.backupTo(url);
      await expect(store.backupTo(url)).rejects.toThrow('is there already');
      await symlink(join(dir, 'recorded'), join(dir, 'link'));
      for (const place of ['recorded', 'link'])
        await expect(store.backupTo(`file://${dir}/${place}`)).rejects.toThrow('in the recorded directory');
      await mkdir(join(dir, 'recorded-not'));
      await store.backupTo(`file://${dir}/recorded-not`);
    });
  });

  test('of five at once one is made, the others are busy; so is a restore beside it (PreventParallelBackups, PreventParallelRestores)', async () => {
    await withBackup(async (driver, store, dir) => {
      await fill(store, 'a', 50);
      await mkdir(join(dir, 'five'));
      const five = (call: () => Promise<unknown>): Promise<PromiseSettledResult<unknown>[]> =>
        Promise.allSettled(Array.from({ length: 5 }, call));
      const url = `file://${dir}/backups`;
      for (const outcomes of [
        await five(() => store.backupTo(url)),
        await five(() => store.restoreFrom(url)),
      ]) {
        expect(outcomes.map(({ status }) => status)).toEqual([
          'fulfilled',
          ...Array<string>(4).fill('rejected'),
        ]);
        for (const outcome of outcomes)
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(BusyError);
      }
      const [backup, restore] = await Promise.allSettled([
        store.backupTo(`file://${dir}/five`),
        store.restoreFrom(url),
      ]);
      expect([backup.status, restore.status]).toEqual(['fulfilled', 'rejected']);
      const other = driver.store(); // another process over the same log
      const both = await Promise.allSettled([store.restoreFrom(url), other.restoreFrom(url)]);
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(Object.keys(await contents(store))).toEqual(names('a', 50));
    });
  });

  test('writes during a restore are busy, reads see the old contents, and after it all goes on', async () => {
    await withBackup(async (driver, plain, dir) => {
      await fill(plain, 'a', 3000);
      const url = `file://${dir}/backups`;
      await plain.backupTo(url);
      await plain.put(pair('b', 'later'));
      const seen: unknown[] = [];
      const store = driver.store({
        propose: async (cmd) => {
          const result = await driver.propose(cmd);
          if (seen.length === 0 && driver.lookup({ kind: 'stats' }).replacing) {
            seen.push(await valueOf(plain, 'b'), (await plain.stats()).replacing);
            seen.push(await plain.put(pair('c', '')).catch((error: unknown) => (error as BusyError).code));
            seen.push(await plain.delete(utf8('b')).catch((error: unknown) => (error as BusyError).code));
          }
          return result;
        },
      });
      await store.restoreFrom(url);
      expect(seen).toEqual(['later', true, 'KV_BUSY', 'KV_BUSY']);
      expect(await valueOf(plain, 'b')).toBeUndefined();
      await plain.put(pair('c', ''));
    });
  });

  test('a restore whose beginning is not answered leaves no store that refuses writes', async () => {
    await withBackup(async (driver, plain, dir) => {
      await fill(plain, 'a', 3);
      const url = `file://${dir}/backups`;
      await plain.backupTo(url);
      const gone = new Error('the caller has gone');
      const store = driver.store({
        propose: async (cmd, signal) => {
          const result = await driver.propose(cmd); // it is in the log, whoever waits for it
          if (signal) throw gone;
          return result;
        },
      });
      await expect(store.restoreFrom(url, new AbortController().signal)).rejects.toBe(gone);
      expect(await plain.stats()).toMatchObject({ replacing: false, keys: 3 });
      await plain.put(pair('goes', 'on'));
    });
  });

  test('a damaged or incomplete backup changes nothing', async () => {
    const place = new MemoryStore();
    await withDriver(name, async (driver) => {
      const store = driver.store({ openStore: lasting(place) });
      await fill(store, 'a', 20);
      await store.backupTo('memory:');
      const before = await contents(store);
      const manifest = await place.get('kv-backup/manifest.json');
      const part = await place.get('kv-backup/part-000000');
      const changed = Uint8Array.from(part!.body);
      changed[40]! ^= 1;
      await place.delete('kv-backup/part-000000');
      await expect(store.restoreFrom('memory:')).rejects.toThrow('has lost part 0');
      await place.create('kv-backup/part-000000', changed);
      await expect(store.restoreFrom('memory:')).rejects.toThrow('is damaged in part 0');
      const counts = '"version":1,"changeNumber":1,"pairs":1,"bytes":1';
      for (const body of [
        '{',
        'null',
        '{"version":2}',
        '{"version":1,"parts":[]}',
        `{${counts},"parts":[null]}`,
        `{${counts},"parts":[{"bytes":1}]}`,
      ]) {
        await place.delete('kv-backup/manifest.json');
        await place.create('kv-backup/manifest.json', utf8(body));
        await expect(store.restoreFrom('memory:')).rejects.toBeInstanceOf(BackupError);
      }
      await expect(store.backupTo('memory:')).rejects.toThrow('is there already');
      await place.delete('kv-backup/manifest.json');
      await expect(store.backupTo('memory:')).rejects.toThrow('holds a part of another backup');
      expect(manifest).toBeDefined();
      expect(await contents(store)).toEqual(before);
      await store.put(pair('goes', 'on'));
    });
  });
});

test('answers of the object store that were lost do not fail a backup', async () => {
  await withDriver('memory', async (driver) => {
    const place = new FaultyStore(new MemoryStore(), {
      clock: driver.clock,
      random: seededRandom(7),
      rules: [{ operation: 'create', times: 3, fault: { kind: 'drop-response' } }],
    });
    const store = driver.store({ openStore: lasting(place) });
    await fill(store, 'a', 20);
    const before = await contents(store);
    await driver.clock.run(store.backupTo('memory:'));
    await store.put(pair('b', ''));
    await driver.clock.run(store.restoreFrom('memory:'));
    expect(await contents(store)).toEqual(before);
  });
});
