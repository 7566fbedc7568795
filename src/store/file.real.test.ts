/**
 * The file store with several real processes at once, and with processes that are killed in the middle of a create.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sha256Hex, systemClock, systemRandom } from '../base/index.ts';
import { openStore, requireFitStore } from './index.ts';

const STORE_MODULE = new URL('index.ts', import.meta.url).href;
const OBJECT_BYTES = 200_000;
const RACE_KEYS = 60;

let root: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await rm(root, { recursive: true });
});

/** A process that creates keys with random bytes and prints `key sha256` for each that it was told it created. */
function creator(keys: string): { child: ChildProcess; told: Promise<string[]> } {
  const program = `
    import { randomBytes, createHash } from 'node:crypto';
    import { openStore } from ${JSON.stringify(STORE_MODULE)};
    const store = openStore(${JSON.stringify(`file://${root}`)});
    for (const key of ${keys}) {
      const body = randomBytes(${OBJECT_BYTES});
      const outcome = await store.create(key, body);
      if (outcome.kind === 'created') console.log(key + ' ' + createHash('sha256').update(body).digest('hex'));
      else if (outcome.kind !== 'exists') throw outcome.cause;
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const told = (async (): Promise<string[]> => {
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) lines.push(line);
    return lines;
  })();
  return { child, told };
}

const hashOf = async (key: string): Promise<string> =>
  sha256Hex((await openStore(`file://${root}`).get(key))!.body);

test('the probe finds every promise kept', async () => {
  const store = openStore(`file://${root}`);
  const report = await requireFitStore(store, { clock: systemClock, random: systemRandom });
  expect(report.properties.filter(({ ok }) => !ok)).toEqual([]);
  expect((await store.list('')).objects).toEqual([]);
});

test('processes that race for keys: each key has one winner, and holds the winner’s bytes', async () => {
  const keys = `Array.from({ length: ${RACE_KEYS} }, (_, i) => 'dir-' + (i % 7) + '/key-' + i)`;
  const racers = [creator(keys), creator(keys), creator(keys)];
  const told = (await Promise.all(racers.map((racer) => racer.told))).flat();
  expect(told.length).toBe(RACE_KEYS);
  for (const line of told) {
    const [key, hash] = line.split(' ');
    expect([key, await hashOf(key!)]).toEqual([key, hash]);
  }
}, 60_000);

test('a process killed in the middle: every object is whole, everything told is there, and its temporary file is nobody’s object', async () => {
  const endless = `(function* () { for (let i = 0; ; i += 1) yield 'log/' + String(i).padStart(8, '0'); })()`;
  for (let round = 0; round < 3; round += 1) {
    const { child, told } = creator(endless.replace("'log/'", `'log-${round}/'`));
    // From its first word on: a busy machine may take its time to start the process.
    child.stdout!.once('data', () => setTimeout(() => child.kill('SIGKILL'), 50 + 71 * round));
    const lines = await told;
    for (const line of lines) {
      const [key, hash] = line.split(' ');
      expect([key, await hashOf(key!)]).toEqual([key, hash]);
    }
    expect(lines.length).toBeGreaterThan(0);
    const { objects } = await openStore(`file://${root}`).list(`log-${round}/`);
    expect(objects.every(({ size }) => size === OBJECT_BYTES)).toBe(true);
    expect(objects.length - lines.length).toBeLessThanOrEqual(1); // at most the one that was not told yet
    expect(objects.length).toBeGreaterThanOrEqual(lines.length);
  }
  expect((await readdir(root)).toSorted()).toEqual(['.holdfast-tmp', 'log-0', 'log-1', 'log-2']);
  expect((await openStore(`file://${root}`).list('.hold')).objects).toEqual([]);
}, 60_000);
