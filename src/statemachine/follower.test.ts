/**
 * A follower on plain files: what it applies as they grow, tear, are replaced, and are damaged.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { concatBytes, silentLogger, systemClock, utf8, type Clock } from '../base/index.ts';
import { withTempDir } from '../recoverylog/testing/index.ts';
import { encodeStateEntry, ENTRY_SNAPSHOT, ENTRY_UPDATE } from '../stateio/index.ts';
import { MemoryStateFile } from '../stateio/testing/index.ts';
import { AppliedState } from './applied-state.ts';
import { encodeUpdate, type UpdateEnvelope } from './envelope.ts';
import { NO_FILES, noFilesOf } from './snapshot-file/no-files.ts';
import { Follower } from './follower.ts';
import { CURRENT } from './paths.ts';
import type { LiveChange, LiveDirectory } from './ports.ts';
import { StateFileReader } from './state-file.ts';
import { ListMachine } from './testing/index.ts';
import { logIndex, logTerm } from './types.ts';

const BLOCK = 32_768;
const MIB = 1024 * 1024;

function commands(first: number, ...texts: readonly string[]): UpdateEnvelope {
  const list = texts.map((text) => ({ requestId: new Uint8Array(0), cmd: utf8(text) }));
  return { kind: 'batch', term: logTerm(1), first: logIndex(first), commands: list };
}

const noop = (first: number, term: number): UpdateEnvelope => ({
  kind: 'noop',
  term: logTerm(term),
  first: logIndex(first),
});

/** The bytes of a state file, as a primary writes it. */
class FileBytes {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where each entry begins. */
  readonly starts: number[] = [];

  update(envelope: UpdateEnvelope): this {
    this.starts.push(this.bytes.length);
    const entry = encodeStateEntry(this.bytes.length, ENTRY_UPDATE, 0, encodeUpdate(envelope));
    this.bytes = concatBytes([this.bytes, entry.bytes]);
    return this;
  }

  /** As the next primary goes on behind a torn entry. */
  padded(): this {
    const missing = (BLOCK - (this.bytes.length % BLOCK)) % BLOCK;
    this.bytes = concatBytes([this.bytes, new Uint8Array(missing)]);
    return this;
  }

  cut(bytes: number): this {
    this.bytes = this.bytes.slice(0, -bytes);
    return this;
  }

  /** A file that begins with a snapshot of what these entries give. */
  static async snapshot(...entries: readonly UpdateEnvelope[]): Promise<FileBytes> {
    const state = new AppliedState(new ListMachine());
    for (const entry of entries) await state.apply(entry);
    const chunks: Uint8Array[] = [];
    const write = (chunk: Uint8Array): Promise<void> => Promise.resolve(void chunks.push(chunk));
    await (await state.pin()).save(write, new AbortController().signal, NO_FILES);
    const file = new FileBytes();
    file.bytes = encodeStateEntry(0, ENTRY_SNAPSHOT, 0, concatBytes(chunks)).bytes;
    return file;
  }
}

/** A directory whose one state file the test writes. */
class Directory {
  readonly #dir: string;
  readonly #listeners = new Set<(change: LiveChange) => void>();
  #linked = false;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get live(): LiveDirectory {
    return {
      resolve: (path) => (path === CURRENT && this.#linked ? join(this.#dir, 'current') : undefined),
      paths: () => (this.#linked ? [CURRENT] : []),
      subscribe: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  /** The file now holds these bytes. */
  async write(file: FileBytes): Promise<void> {
    const isNew = !this.#linked;
    await mkdir(this.#dir, { recursive: true });
    await writeFile(join(this.#dir, 'current'), file.bytes, { flag: isNew ? 'w' : 'r+' });
    this.#linked = true;
    this.#tell(isNew ? 'link' : 'write');
  }

  /** Another file takes its place. */
  async replace(file: FileBytes): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await writeFile(join(this.#dir, 'next'), file.bytes);
    await rename(join(this.#dir, 'next'), join(this.#dir, 'current'));
    this.#tell('link');
  }

  /** The name is known before the file is in its place. */
  announce(): void {
    this.#linked = true;
    this.#tell('link');
  }

  #tell(kind: LiveChange['kind']): void {
    for (const listener of this.#listeners) listener({ path: CURRENT, kind });
  }
}

type ListFollower = Follower<void, readonly string[], readonly string[]>;

async function following(
  use: (directory: Directory, follower: ListFollower) => Promise<void>,
  clock: Clock = systemClock,
): Promise<void> {
  await withTempDir(async (dir) => {
    const directory = new Directory(join(dir, 'state'));
    const follower: ListFollower = Follower.start({
      machine: new ListMachine(),
      live: directory.live,
      clock,
    });
    try {
      await use(directory, follower);
    } finally {
      await follower.close();
    }
  });
}

async function applied(follower: ListFollower, index: number): Promise<readonly string[]> {
  while (follower.appliedIndex < index) await systemClock.sleep(1);
  return follower.lookup();
}

describe('a follower', () => {
  test('applies a file as it grows, and an entry when the last of it is there', () =>
    following(async (directory, follower) => {
      const file = new FileBytes().update(noop(1, 1)).update(commands(2, 'a'));
      await directory.write(file);
      expect(await applied(follower, 2)).toEqual(['a']);
      const whole = new FileBytes();
      whole.bytes = file.bytes;
      whole.update(commands(3, 'b'.repeat(70_000)));
      const torn = new FileBytes();
      torn.bytes = whole.bytes.slice(0, -1);
      await directory.write(torn);
      await systemClock.sleep(10);
      expect(follower.appliedIndex).toBe(2);
      await directory.write(whole);
      expect(await applied(follower, 3)).toHaveLength(2);
      expect((await follower.finish()).place).toMatchObject({ size: whole.bytes.length, torn: false });
    }));

  test('passes over a torn entry when the next primary has gone on behind it', () =>
    following(async (directory, follower) => {
      const file = new FileBytes()
        .update(noop(1, 1))
        .update(commands(2, 'a'))
        .update(commands(3, 'never confirmed'))
        .cut(5);
      await directory.write(file);
      expect(await applied(follower, 2)).toEqual(['a']);
      file
        .padded()
        .update(noop(3, 2))
        .update({ ...commands(4, 'b'), term: logTerm(2) });
      await directory.write(file);
      expect(await applied(follower, 4)).toEqual(['a', 'b']);
      expect((await follower.finish()).place).toMatchObject({ torn: false });
    }));

  test('tells that a file ends inside an entry, so that whoever goes on leaves room', () =>
    following(async (directory, follower) => {
      const file = new FileBytes().update(noop(1, 1));
      const whole = file.bytes.length;
      file.update(commands(2, 'x'.repeat(1.1 * MIB)));
      await directory.write(file.cut(file.bytes.length - whole - MIB)); // one operation of two
      await applied(follower, 1);
      const { place } = await follower.finish();
      expect(place).toMatchObject({ torn: true, size: whole + MIB });
    }));

  test('takes damage for damage when what follows is no first entry of a primary', () =>
    following(async (directory, follower) => {
      const file = new FileBytes()
        .update(noop(1, 1))
        .update(commands(2, 'a'))
        .cut(5)
        .padded()
        .update(commands(3, 'b'));
      await directory.write(file);
      expect(await follower.failed).toMatchObject({ code: 'STATE_DAMAGED', fields: { path: CURRENT } });
      expect(() => follower.lookup()).toThrow(expect.objectContaining({ code: 'STATE_DAMAGED' }));
      await expect(follower.finish()).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
    }));

  test('an entry that is left out is a broken history', () =>
    following(async (directory, follower) => {
      await directory.write(new FileBytes().update(noop(1, 1)).update(commands(3, 'b')));
      expect(await follower.failed).toMatchObject({ code: 'STATE_HISTORY_BROKEN' });
    }));

  test('reads the old file to its end before it goes on in the one that replaces it', () =>
    following(async (directory, follower) => {
      const entries = [noop(1, 1), commands(2, 'a', 'b')] as const;
      const old = new FileBytes().update(entries[0]).update(entries[1]);
      await directory.write(old);
      const next = (await FileBytes.snapshot(...entries)).update(commands(4, 'c'));
      await directory.replace(next);
      expect(await applied(follower, 4)).toEqual(['a', 'b', 'c']);
    }));

  test('loads a snapshot that is ahead of it', () =>
    following(async (directory, follower) => {
      await directory.write(new FileBytes().update(noop(1, 1)));
      await applied(follower, 1);
      await directory.replace(await FileBytes.snapshot(noop(1, 1), commands(2, 'a', 'b')));
      expect(await applied(follower, 3)).toEqual(['a', 'b']);
    }));

  test('waits for a file that is being moved into its place', () =>
    following(async (directory, follower) => {
      directory.announce();
      await systemClock.sleep(20);
      await directory.replace(new FileBytes().update(noop(1, 1)).update(commands(2, 'a')));
      expect(await applied(follower, 2)).toEqual(['a']);
    }));

  test('gives up a file that is announced and never comes', () => {
    let nowMs = 0;
    const hurried: Clock = { ...systemClock, monotonicMs: () => (nowMs += 1000) };
    return following(async (directory, follower) => {
      directory.announce();
      expect(await follower.failed).toMatchObject({ code: 'STATE_UNREADABLE' });
      await expect(follower.finish()).rejects.toMatchObject({ code: 'STATE_UNREADABLE' });
    }, hurried);
  });
});

describe('a changed byte', () => {
  const file = new FileBytes()
    .update(noop(1, 1))
    .update(commands(2, 'a', 'bb'))
    .update(commands(4, 'ccc'))
    .update(commands(5, 'd'.repeat(300)));
  const { bytes } = file;

  /** What a replica that is to take over makes of such a file. */
  async function outcomeOf(changed: Uint8Array): Promise<string> {
    const state = new AppliedState(new ListMachine());
    const reader = new StateFileReader({
      path: CURRENT,
      file: new MemoryStateFile(changed),
      sink: state,
      log: silentLogger,
      filesOf: noFilesOf,
    });
    try {
      await reader.advance(new AbortController().signal);
      reader.finish();
      return 'whole';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  test.each([
    ['the length of a record', true, Array.from({ length: 255 }, (_, n) => n + 1)],
    ['anything else', false, [0x01, 0x10, 0x80, 0xff]],
  ])('is damage, wherever it is in what was acknowledged: %s', async (_, ofLength, masks) => {
    const outcomes = new Set<string>();
    for (const [at, byte] of bytes.entries()) {
      const inRecord = at - file.starts.findLast((start) => start <= at)!;
      if ((inRecord === 5 || inRecord === 6) !== ofLength) continue;
      for (const mask of masks) outcomes.add(await outcomeOf(bytes.with(at, byte ^ mask)));
    }
    expect([...outcomes]).toEqual(['STATE_DAMAGED']);
  });

  test('or a missing one is no tear: the log is cut between its operations only', async () => {
    const outcomes = new Map<number, string>();
    for (let length = 0; length <= bytes.length; length++)
      outcomes.set(length, await outcomeOf(bytes.slice(0, length)));
    const whole = [...outcomes].filter(([, outcome]) => outcome === 'whole').map(([length]) => length);
    expect(whole).toEqual([...file.starts, bytes.length]);
    expect(new Set(outcomes.values())).toEqual(new Set(['whole', 'STATE_DAMAGED']));
  });

  test('of a snapshot is damage as well', async () => {
    const snapshot = await FileBytes.snapshot(noop(1, 1), commands(2, 'a', 'b'));
    const outcomes = new Set<string>();
    for (const [at, byte] of snapshot.bytes.entries())
      for (const mask of [0x01, 0x80, 0xff])
        outcomes.add(await outcomeOf(snapshot.bytes.with(at, byte ^ mask)));
    expect([...outcomes]).toEqual(['STATE_DAMAGED']);
  });
});
