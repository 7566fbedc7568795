/**
 * The file store on a bad day: crashes, missing mounts, full disks, foreign hands.
 */
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { openStore, type ObjectStore } from '../index.ts';
import { fileError } from './file-errors.ts';
import { LEFTOVER_AGE_MS } from './publish.ts';

let parent: string;
let root: string;
let store: ObjectStore;
const body = utf8('body');

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  root = join(parent, 'root');
  await mkdir(root);
  store = openStore(`file://${root}`);
});
afterEach(async () => {
  await rm(parent, { recursive: true });
});

test('an object is a file of the same name, so that other tools can read it', async () => {
  await store.create('journal/0-5-abc.raw', body);
  expect(await readdir(join(root, 'journal'))).toEqual(['0-5-abc.raw']);
});

test('memory of what was read is free as soon as its reader says so', async () => {
  await store.create('k', new Uint8Array(100_000).fill(7));
  const [one, other] = [(await store.get('k'))!, (await store.get('k'))!];
  one.release!();
  one.release!();
  expect([one.body.length, other.body.length]).toEqual([0, 100_000]);
  expect(other.body[99_999]).toBe(7);
});

describe('after a crash', () => {
  const temporary = (): string => join(root, '.holdfast-tmp');

  test('half-written temporary files are no objects', async () => {
    await mkdir(temporary());
    await writeFile(join(temporary(), 'half'), 'ha');
    expect((await store.list('')).objects).toEqual([]);
    await expect(store.get('.holdfast-tmp/half')).rejects.toMatchObject({ code: 'STORE_BAD_REQUEST' });
  });

  test('old ones are removed by the next process that creates, young ones may be another writer’s', async () => {
    await mkdir(temporary());
    await writeFile(join(temporary(), 'old'), 'ha');
    const longAgo = new Date(new Date().getTime() - LEFTOVER_AGE_MS - 60_000);
    await utimes(join(temporary(), 'old'), longAgo, longAgo);
    await writeFile(join(temporary(), 'young'), 'ha');
    expect(await store.create('k', body)).toEqual({ kind: 'created' });
    expect(await readdir(temporary())).toEqual(['young']);
  });

  test('a create leaves no temporary file, whether it wins or loses', async () => {
    await store.create('k', body);
    await store.create('k', body);
    expect(await readdir(temporary())).toEqual([]);
  });
});

describe('a directory that is not there', () => {
  test('is an error for every operation, never an empty store', async () => {
    await rm(root, { recursive: true });
    for (const call of [store.get('k'), store.head('k'), store.list(''), store.delete('k')])
      await expect(call).rejects.toMatchObject({ code: 'STORE_NO_BUCKET', retryable: false });
    expect(await store.create('k', body)).toMatchObject({
      kind: 'refused',
      cause: { code: 'STORE_NO_BUCKET' },
    });
    expect(await readdir(parent)).toEqual([]);
  });

  test('midway: creates fail while the mount is away and go on when it is back', async () => {
    await store.create('log/1', body);
    await rename(root, join(parent, 'away'));
    expect((await store.create('log/2', body)).kind).not.toBe('created');
    expect(await store.create('log/2', body)).toMatchObject({
      kind: 'refused',
      cause: { code: 'STORE_NO_BUCKET' },
    });
    await rename(join(parent, 'away'), root);
    expect(await store.create('log/2', body)).toEqual({ kind: 'created' });
    expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['log/1', 'log/2']);
  });

  test('a directory that somebody removed below the root is made again', async () => {
    await store.create('log/1', body);
    await rm(join(root, 'log'), { recursive: true });
    expect((await store.create('log/2', body)).kind).toBe('undecided');
    expect(await store.create('log/2', body)).toEqual({ kind: 'created' });
  });
});

test('a key below another key is refused, as a directory cannot hold both', async () => {
  await store.create('a', body);
  expect(await store.create('a/b', body)).toMatchObject({
    kind: 'refused',
    cause: { code: 'STORE_BAD_REQUEST' },
  });
  await store.create('c/d', body);
  expect(await store.create('c', body)).toMatchObject({
    kind: 'refused',
    cause: { code: 'STORE_BAD_REQUEST' },
  });
  expect(await store.get('c')).toBeUndefined();
});

test('after close every call fails as closed', async () => {
  await store.close();
  await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  expect(await store.create('k', body)).toMatchObject({ kind: 'refused', cause: { code: 'STORE_CLOSED' } });
});

describe('system errors', () => {
  test.each([
    ['ENOSPC', 'STORE_FULL', false],
    ['EDQUOT', 'STORE_FULL', false],
    ['EACCES', 'STORE_DENIED', false],
    ['EROFS', 'STORE_DENIED', false],
    ['ENOTDIR', 'STORE_BAD_REQUEST', false],
    ['EXDEV', 'STORE_UNSUPPORTED', false],
    ['EMFILE', 'STORE_THROTTLED', true],
    ['EIO', 'STORE_SERVER_ERROR', true],
  ])('%s is %s, retryable: %s', (systemCode, code, retryable) => {
    const thrown = Object.assign(new Error(`${systemCode}: told by the system`), { code: systemCode });
    expect(fileError(thrown, 'create', 'k')).toMatchObject({
      code,
      retryable,
      fields: { systemCode },
      cause: thrown,
    });
  });
});
