/**
 * Services that users write (examples/counter, examples/sqlite), run as their READMEs say, lose their primary in the middle of their work: the standby
 * serves, with everything that was acknowledged, once.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { request } from 'undici';
import { PrimaryFinder } from '../harness/primary-finder.ts';
import { quickstartFolder } from '../harness/quickstart.ts';
import { READY_LIMIT_MS, Stage } from '../harness/stage.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');
const SERVICES = ['counter', 'sql'] as const;
const RECOVERY_LIMIT_MS = 30_000;
/** An attempt of a client, ms: past a write's commit, below the patience of a test. */
const ATTEMPT_MS = 2000;
/** Acknowledged before the primary dies, and after. */
const BEFORE = 20;
const AFTER = 10;

let stage: Stage;
const finders = new Map<string, PrimaryFinder>();

beforeAll(async () => {
  stage = await Stage.start();
  const { installation, cluster } = stage;
  const folder = await quickstartFolder(stage.storeEndpoint);
  try {
    await installation.apply(join(folder.path, '01-store.yaml'));
  } finally {
    await folder.remove();
  }
  await installation.apply(join(EXAMPLES, 'counter', 'shard.yaml'), join(EXAMPLES, 'sqlite', 'shard.yaml'));
  await Promise.all(SERVICES.map((name) => installation.settled(name, READY_LIMIT_MS)));
  for (const name of SERVICES)
    finders.set(name, await PrimaryFinder.start(cluster, installation.namespace, name));
}, 300_000);
afterAll(async () => {
  for (const finder of finders.values()) finder.stop();
  await stage?.stop();
});

/** Asks the primary of a service until it gives an answer that will not change: a success, or a refusal of the request itself. */
async function ask(
  service: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  requestId?: string,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const deadline = performance.now() + RECOVERY_LIMIT_MS;
  for (;;) {
    try {
      const url = new URL(path, await finders.get(service)!.url());
      const reply = await request(url, {
        method,
        headers: {
          ...(requestId === undefined ? {} : { 'holdfast-request-id': requestId }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        headersTimeout: ATTEMPT_MS,
      });
      const answer = await reply.body.json();
      if (![421, 429, 503].includes(reply.statusCode)) return { status: reply.statusCode, body: answer };
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw new Error(`${service} does not serve`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Makes acknowledged requests 1, 2, 3 …, kills the primary with one under way, goes on, and tells when the standby served. */
async function throughAFailover(service: string, write: (n: number) => Promise<void>): Promise<void> {
  const { installation, cluster } = stage;
  const before = installation.shard(service).status!.assignment!;
  for (let n = 1; n <= BEFORE; n++) await write(n);
  const underWay = write(BEFORE + 1);
  cluster.killPod(installation.namespace, before.primary);
  await underWay;
  for (let n = BEFORE + 2; n <= BEFORE + AFTER; n++) await write(n);
  const handoff = await installation.handoffAfter(service, before.term, RECOVERY_LIMIT_MS);
  expect(handoff).toMatchObject({ outcome: 'Completed', fromPod: before.primary });
  expect(handoff.toPod).not.toBe(before.primary);
}

test('a counter of one’s own counts every acknowledged addition once', async () => {
  await throughAFailover('counter', async (n) => {
    const reply = await ask('counter', 'POST', '/add/visits/1', undefined, `visit-${n}`);
    expect(reply).toEqual({ status: 200, body: { value: n } });
  });
  const read = await ask('counter', 'GET', '/value/visits');
  expect(read.body).toEqual({ value: BEFORE + AFTER });
  const again = await ask('counter', 'POST', '/add/visits/1', undefined, 'visit-1');
  expect(again.body).toEqual({ value: 1 }); // its first answer, remembered on the new primary
}, 60_000);

test('a database of one’s own has every acknowledged row once, with the times that the rows were given', async () => {
  const sql = async (path: string, text: string, parameters: unknown[], id?: string): Promise<unknown> => {
    const reply = await ask('sql', 'POST', path, { sql: text, parameters }, id);
    return reply.status === 200 ? (reply.body as { rows: unknown }).rows : reply;
  };
  const create = 'CREATE TABLE visit (n INTEGER PRIMARY KEY, at TEXT, dice INTEGER)';
  expect(await sql('/run', create, [], 'create')).toEqual([]);
  const told: unknown[] = [];
  const insert = "INSERT INTO visit VALUES (?, strftime('%s %f', 'now'), random()) RETURNING n, at, dice";
  await throughAFailover('sql', async (n) => {
    const rows = (await sql('/run', insert, [n], `visit-${n}`)) as unknown[];
    expect(rows).toMatchObject([{ n }]);
    told.push(rows[0]);
  });
  expect(await sql('/query', 'SELECT n, at, dice FROM visit ORDER BY n', [])).toEqual(told);
  const large = { $bigint: '9007199254740993' };
  for (const path of ['/query', '/run'])
    expect(await sql(path, 'SELECT ? AS n', [large])).toEqual([{ n: large }]);
  expect(await sql('/run', insert, [1], 'another')).toMatchObject({
    status: 400,
    body: { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' },
  });
  expect(await sql('/run', insert, [1], 'visit-1')).toEqual([told[0]]);
  expect(await sql('/run', 'DROP TABLE _holdfast_mark', [])).toMatchObject({ status: 400 });
}, 60_000);

/** What the project promises of them. */
const MOST_LINES = 60;

test('they are short, and their manifests name the images and programs that their Dockerfiles make', async () => {
  for (const [folder, name] of [
    ['counter', 'counter'],
    ['sqlite', 'sql'],
  ] as const) {
    const dockerfile = await readFile(join(EXAMPLES, folder, 'Dockerfile'), 'utf8');
    const shard = await readFile(join(EXAMPLES, folder, 'shard.yaml'), 'utf8');
    const program = await readFile(join(EXAMPLES, folder, `${name}.ts`), 'utf8');
    expect(program.trimEnd().split('\n').length).toBeLessThan(MOST_LINES);
    expect(dockerfile).toContain(`COPY ${name}.ts /app/${name}.ts`);
    expect(shard).toContain(`command: [node, /app/${name}.ts]`);
  }
});
