/**
 * A state file gives way to a shorter one while entries go on, and at whatever moment the power fails, every acknowledged entry is in the file
 * that is found.
 */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fromUtf8, utf8 } from '../base/index.ts';
import { VirtualClock } from '../base/testing/index.ts';
import { compactFile } from './compact-file.ts';
import { openPlainFile, type StateFile } from './file.ts';
import { restore, updatesOf, type Restored } from './restore.ts';
import { COPY_PAUSE_BYTES, rewrite, type Rewritten } from './rewrite.ts';
import { CrashDisk } from './testing/crash-disk.ts';
import { MemoryStateFile } from './testing/memory-file.ts';
import { readAll } from './testing/read-all.ts';
import { resumeWriter, StateWriter } from './writer.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Everything in a file: what the snapshot lists, and the updates behind it. */
async function content(bytes: Uint8Array): Promise<string[]> {
  const { state, updates, damage } = await readAll(new MemoryStateFile(bytes));
  expect(damage).toEqual([]);
  return [...(state === undefined ? [] : (JSON.parse(state) as string[])), ...updates];
}

/** A service that appends, acknowledges and rewrites on one disk, as far as there is power. */
class Service {
  readonly disk: CrashDisk;
  readonly written: string[] = [];
  /** Entries that somebody was told of as durable. */
  acknowledged = 0;
  #file: StateFile;
  #writer: StateWriter;
  readonly #ordered: boolean;

  constructor(disk: CrashDisk, ordered: boolean) {
    this.disk = disk;
    this.#ordered = ordered;
    this.#file = disk.create('current');
    disk.syncNames();
    this.#writer = new StateWriter(this.#file);
  }

  async append(): Promise<void> {
    const entry = `entry ${this.written.length}`;
    this.written.push(entry); // from here on it may be found, acknowledged or not
    await this.#writer.update(utf8(entry));
    await this.#writer.sync();
    this.acknowledged = this.written.length;
  }

  async replace(): Promise<Rewritten> {
    const covered = [...this.written];
    const source = this.#file;
    const next = this.disk.create('next');
    return await rewrite({
      source,
      from: this.#writer.offset,
      epoch: this.#writer.epoch,
      next,
      place: {
        ordered: this.#ordered,
        rename: () => Promise.resolve(this.disk.rename('next', 'current')),
        settle: () => Promise.resolve(this.disk.syncNames()),
      },
      snapshot: async (write) => {
        const bytes = utf8(JSON.stringify(covered));
        await write(bytes.subarray(0, 5));
        await this.append(); // entries go on
        await write(bytes.subarray(5));
        await this.append();
      },
      pause: async (work) => {
        const rewritten = await work();
        this.#file = next;
        this.#writer = rewritten.writer;
      },
    });
  }
}

async function life(service: Service): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await service.append();
    await service.append();
    await service.replace();
  }
  await service.append();
}

describe('a rewrite', () => {
  test('and every power cut in it keeps what was acknowledged, whatever of the rest survives', async () => {
    const whole = new Service(new CrashDisk(), false);
    await life(whole);
    expect(whole.acknowledged).toBe(9);
    expect(whole.disk.operations).toBeGreaterThan(30);
    for (let operations = 2; operations <= whole.disk.operations; operations++) {
      const service = new Service(new CrashDisk(operations), false);
      await life(service).catch(() => undefined); // no power
      for (const data of [true, false])
        for (const names of [true, false]) {
          const found = await content(service.disk.found('current', { data, names })!);
          expect({ operations, data, names, found }).toMatchObject({
            found: service.written.slice(0, found.length),
          });
          expect(found.length).toBeGreaterThanOrEqual(service.acknowledged);
        }
    }
  });

  test('needs fewer syncs where the place keeps the order, and no prefix of its operations loses anything', async () => {
    const ordered = new Service(new CrashDisk(), true);
    await life(ordered);
    const other = new Service(new CrashDisk(), false);
    await life(other);
    expect(ordered.disk.operations).toBe(other.disk.operations - 4);
    for (let operations = 2; operations <= ordered.disk.operations; operations++) {
      const service = new Service(new CrashDisk(operations), true);
      await life(service).catch(() => undefined); // no power
      const found = await content(service.disk.found('current', { data: true, names: true })!);
      expect(found).toEqual(service.written.slice(0, found.length));
      expect(found.length).toBeGreaterThanOrEqual(service.acknowledged);
    }
  });

  const quick = { ordered: true, rename: () => Promise.resolve(), settle: () => Promise.resolve() };

  test('copies in rounds, so that appends wait for the last of it only', async () => {
    const source = new MemoryStateFile();
    const old = new StateWriter(source);
    const { end } = await old.update(utf8('covered'));
    const large = new Uint8Array(COPY_PAUSE_BYTES);
    const add = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await old.update(large);
    };
    await add(4);
    const next = new MemoryStateFile();
    let copied = 0;
    let copiedBeforePause = 0;
    const { snapshot } = await rewrite({
      source,
      from: end,
      epoch: 0,
      next,
      place: quick,
      snapshot: (write) => write(utf8('S')),
      copied: (payload) => {
        expect(payload.length).toBe(large.length);
        copied++;
        if (copied === 2) void add(1); // meanwhile one more comes; nobody waits for it but the pause
      },
      pause: async (work) => {
        copiedBeforePause = copied;
        await work();
      },
    });
    expect([copiedBeforePause >= 4, copied]).toEqual([true, 5]);
    const text = await readAll(next);
    expect([snapshot.start, text.state, text.updates.length]).toEqual([0, 'S', 5]);
  });

  /** Rewrites on a disk whose commits take `commitMs`, one after another; what each commit carries of the new file, bytes. */
  const commitsOf = async (commitMs: number, isBusy: boolean): Promise<readonly number[]> => {
    const clock = new VirtualClock();
    const source = new MemoryStateFile();
    const old = new StateWriter(source);
    const { end } = await old.update(utf8('covered'));
    const commits: number[] = [];
    let committed = 0;
    let underWay = Promise.resolve();
    class Next extends MemoryStateFile {
      override sync(): Promise<void> {
        underWay = underWay.then(async () => {
          const size = this.size();
          commits.push(size - committed);
          committed = size;
          if (isBusy) source.extend(utf8('x'));
          await clock.sleep(commitMs);
        });
        return underWay;
      }
    }
    const work = rewrite({
      source,
      from: end,
      epoch: 0,
      limit: end,
      next: new Next(),
      place: quick,
      snapshot: (write) => write(new Uint8Array(8 * MIB)),
      pause: (last) => last(),
      clock,
    });
    await clock.run(work);
    return commits.slice(4, -1); // what it has found out by then
  };

  test('adds to each commit what little it may add to its time, on a fast disk and on a slow store (E3)', async () => {
    const mean = (all: readonly number[]): number => all.reduce((sum, each) => sum + each, 0) / all.length;
    for (const [commitMs, bytes] of [
      [2, 32 * KIB],
      [20, 80 * KIB],
      [60, 240 * KIB],
      [1000, 512 * KIB],
    ] as const) {
      const commits = await commitsOf(commitMs, true);
      expect(Math.abs(mean(commits) / bytes - 1)).toBeLessThan(0.2);
      expect(Math.max(...commits)).toBeLessThanOrEqual(bytes + 64 * KIB);
    }
  });

  test('is in a hurry while nobody appends (E3)', async () => {
    const commits = await commitsOf(2, false);
    expect(Math.min(...commits)).toBeGreaterThanOrEqual(480 * KIB);
  });

  test('that meets damage, a torn end or another epoch in what it has to copy ends with that, and renames nothing', async () => {
    const good = new MemoryStateFile();
    const writer = new StateWriter(good);
    for (const payload of ['one', 'two', 'three']) await writer.update(utf8(payload));
    const flipped = good.bytes;
    flipped[30]! ^= 1;
    const newer = new MemoryStateFile(good.bytes);
    await resumeWriter(newer, await restore(newer)).snapshot(utf8('S'));
    for (const [source, reason] of [
      [new MemoryStateFile(flipped), 'checksum'],
      [new MemoryStateFile(good.bytes.slice(0, -1)), 'torn'],
      [newer, 'snapshot'],
    ] as const) {
      const rename = (): Promise<void> => Promise.reject(new Error('it must not be renamed'));
      await expect(
        rewrite({
          source,
          from: 0,
          epoch: 0,
          next: new MemoryStateFile(),
          place: { ...quick, rename },
          snapshot: (write) => write(utf8('S')),
          pause: (work) => work(),
        }),
      ).rejects.toMatchObject({ code: 'STATEIO_REWRITE', fields: { reason } });
    }
  });

  test('that is called off ends with the reason, before it renames', async () => {
    const reason = new RangeError('enough');
    const caller = new AbortController();
    await expect(
      rewrite({
        source: new MemoryStateFile(),
        from: 0,
        epoch: 0,
        next: new MemoryStateFile(),
        place: { ...quick, rename: () => Promise.reject(new Error('it must not be renamed')) },
        snapshot: async (write) => {
          await write(utf8('S'));
          caller.abort(reason);
        },
        pause: (work) => work(),
        signal: caller.signal,
      }),
    ).rejects.toBe(reason);
  });
});

describe('a plain file', () => {
  const at = async (work: (path: string, directory: string) => Promise<void>): Promise<void> => {
    const directory = await mkdtemp(join(tmpdir(), 'stateio-compact-'));
    try {
      await work(join(directory, 'state'), directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };
  const write = async (path: string, count: number): Promise<void> => {
    const file = await openPlainFile(path, 'w+');
    const writer = new StateWriter(file);
    for (let n = 0; n < count; n++) await writer.update(utf8(`entry ${n}`.padEnd(2_000, '.')));
    await writer.sync();
    await file.close();
  };
  /** All entries, from the file itself. */
  const listed = (path: string) =>
    async function* (restored: Restored): AsyncGenerator<Uint8Array> {
      const file = await openPlainFile(path, 'r');
      try {
        const entries: string[] = [];
        const reader = updatesOf(file, restored, restored.end);
        for (let next = await reader.next(); next.kind !== 'end'; next = await reader.next())
          if (next.kind === 'update') entries.push(fromUtf8(next.payload).replaceAll('.', ''));
        yield utf8(JSON.stringify(entries));
      } finally {
        await file.close();
      }
    };
  const read = async (path: string): Promise<string[]> => {
    const file = await openPlainFile(path, 'r');
    try {
      return await content(await file.read(0, await file.size()));
    } finally {
      await file.close();
    }
  };

  test('shrinks to its snapshot, and nothing is left beside it', async () => {
    await at(async (path, directory) => {
      await write(path, 100);
      await writeFile(`${path}.next`, 'left by one that died');
      const { start } = await compactFile(path, listed(path));
      expect(start).toBe(0);
      expect(await read(path)).toEqual(Array.from({ length: 100 }, (_, n) => `entry ${n}`));
      expect((await stat(path)).size).toBeLessThan(3_000);
      expect(await readdir(directory)).toEqual(['state']);
    });
  });

  test('whose last entry is torn is mended by it', async () => {
    await at(async (path) => {
      await write(path, 3);
      const { size } = await stat(path);
      const file = await openPlainFile(path, 'r');
      const bytes = await file.read(0, size - 1);
      await file.close();
      await writeFile(path, bytes);
      await compactFile(path, listed(path));
      expect(await read(path)).toEqual(['entry 0', 'entry 1']);
    });
  });

  test('stays as it was when its snapshot cannot be made', async () => {
    await at(async (path, directory) => {
      await write(path, 3);
      const { size } = await stat(path);
      const failing = (): Iterable<Uint8Array> => {
        throw new RangeError('no snapshot');
      };
      await expect(compactFile(path, failing)).rejects.toMatchObject({ cause: { message: 'no snapshot' } });
      expect((await stat(path)).size).toBe(size);
      expect(await readdir(directory)).toEqual(['state']);
    });
  });
});
