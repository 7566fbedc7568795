/**
 * The probe refuses every lie over real HTTP: probe, S3 adapter, a front that lies, and a real S3 server behind it.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { startLyingStore, type LyingS3 } from '../../e2e/harness/lying-store.ts';
import { systemClock, systemRandom, utf8, type Clock } from '../base/index.ts';
import { openStore, requireFitStore, StoreUnfitError, type ObjectStore } from './index.ts';
import { LIES, NAMED_BY, storeContract, type Lie } from './testing/index.ts';

/** The probe's pauses between looks shrink by this; the time of adapter and network is real. */
const FASTER = 20;
const clock: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs() * FASTER,
  timer: (ms, fire) => systemClock.timer(ms / FASTER, fire),
  sleep: (ms, signal) => systemClock.sleep(ms / FASTER, signal),
};
const ports = { clock, random: systemRandom };

let server: S3Server;
let honest: LyingS3;
let liar: LyingS3 | undefined;
const opened: ObjectStore[] = [];

function open(url: string): ObjectStore {
  const store = openStore(url, { credentials: server });
  opened.push(store);
  return store;
}

beforeAll(async () => {
  server = await startS3Server();
  honest = await startLyingStore(server, undefined);
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await liar?.close();
  liar = undefined;
});
afterAll(async () => {
  await honest.close();
  await server.stop();
});

/** What an operator reads about the lies that stores are known for. */
const EVIDENCE: Readonly<Partial<Record<Lie, string>>> = {
  'condition-ignored': 'the store ignores If-None-Match',
  'race-has-two-winners': 'of 16 creates of one key at once',
  'refusal-hidden': 'a create of an existing key succeeded',
  'list-stale': 'a LIST still leaves out 11 of 11 objects',
};

describe('a store that lies over HTTP is refused, and the broken promise is named', () => {
  test.each(LIES.map((lie) => [lie, NAMED_BY[lie]] as const))('%s: %s', async (lie, name) => {
    liar = await startLyingStore(server, lie);
    const refused = await requireFitStore(open(liar.url), ports).catch((error: unknown) => error);
    expect(liar.told()).toBeGreaterThan(0);
    expect(refused).toBeInstanceOf(StoreUnfitError);
    const { report, message } = refused as StoreUnfitError;
    const broken = report.properties.filter(({ ok }) => !ok);
    expect(broken.map((property) => property.name)).toContain(name);
    expect(message).toContain(EVIDENCE[lie] ?? name);
  });
});

describe('without a lie', () => {
  test('the same front passes the probe, and what it stored is at the real server', async () => {
    expect((await requireFitStore(open(honest.url), ports)).ok).toBe(true);
    await open(honest.url).create('seen/by both', utf8('x'));
    expect((await open(server.url).get('seen/by both'))?.body).toEqual(utf8('x'));
  });

  storeContract('s3 through the honest front', async () => open(honest.url), { describe, test });
});
