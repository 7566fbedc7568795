/**
 * The disk under the S3 server is slow: every object takes ten times as long as it did, and every fourth commit stalls for longer than an attempt waits,
 * after it has taken effect. What is slow is told in cluster/disks.ts: the file system calls of the server, not the device below them.
 *
 * So attempts time out whose slots are there, are sent again while the first is still at work, and meet their own; openers overtake writers that
 * wait. A server that stands still altogether is another trouble (storm.ts).
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/base/testing/index.ts';
import { slowDisk } from '../cluster/index.ts';
import { Arena } from './arena.ts';

/** An object takes some 50 ms, of a deadline of 300 (writer.ts), which leaves time to ask whose slot it is; a stalled one takes longer than that. */
const SLOWNESS = { callMs: 5, stall: { every: 4, ms: 500 } };
const LENGTH_MS = 15_000;

let arena: Arena;

beforeEach(async () => {
  arena = await Arena.open(3, { server: { disk: slowDisk(SLOWNESS) } });
});
afterEach(async () => {
  await arena?.close();
});

test('a slow disk costs time and nothing else', async () => {
  const startedMs = performance.now();
  expect((await arena.store.create('is-it-slow', new Uint8Array(1))).kind).toBe('created');
  expect(performance.now() - startedMs).toBeGreaterThan(3 * SLOWNESS.callMs); // else the test shows nothing
  await arena.roam(seededRandom(11));
  await sleep(LENGTH_MS);
  // Slots that were there although their attempt had timed out.
  expect(await arena.until(() => arena.noted('AMBIGUITY_RESOLVED') > 2)).toBe(true);
  const judgement = await arena.judge();
  expect(judgement).toMatchObject({ wrong: [], linearizable: true });
  expect(judgement.acknowledged).toBeGreaterThan(10);
  expect(judgement.fences).toBeGreaterThan(1);
});
