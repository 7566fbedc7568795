/**
 * `holdfast store probe` as a user runs it, against a real S3 server, one that lies, one that is frozen, and one that is not there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../e2e/cluster/ports.ts';
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { startLyingStore } from '../../e2e/harness/lying-store.ts';
import { EXIT } from '../api/index.ts';
import { formatStoreUrl, openStore, parseStoreUrl, type ProbeReport } from '../store/index.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
let server: S3Server;

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(async () => {
  await server.stop();
});

/** The server's URL in its canonical form. */
const shown = (): string => formatStoreUrl(parseStoreUrl(server.url));

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program; `interrupt` is looked for in stderr and answered with a Ctrl-C. */
async function probe(args: readonly string[], env: Record<string, string>, interrupt?: string): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, 'store', 'probe', ...args], {
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (interrupt === undefined || !said.includes(interrupt)) return;
    interrupt = undefined;
    child.kill('SIGINT');
  });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr: said };
}

async function left(): Promise<number> {
  const store = openStore(server.url, { credentials: server });
  try {
    return (await store.list('')).objects.length;
  } finally {
    await store.close();
  }
}

describe('holdfast store probe', () => {
  test('of a fit store ends well, with a table for people and lines of progress beside it', async () => {
    const { code, stdout, stderr } = await probe([server.url, '--rounds=5'], server.credentials());
    expect(code).toBe(EXIT.ok);
    expect(stdout).toMatch(/^ok {4}create-refused-if-present +an existing object is neither/m);
    expect(stdout).toMatch(/^ +why: this refusal is what fences a writer/m);
    expect(stdout).toMatch(/^create +\d+\.\d +\d+\.\d +\d+\.\d$/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`${shown()} can hold journals.`);
    expect(stderr).toMatch(/^\[ 3\/11\] one-winner-in-a-race: ok \(\d+ ms\)$/m);
    expect(stdout + stderr).not.toContain('\u001B');
    expect(stdout + stderr).not.toContain(server.secretAccessKey);
    expect(await left()).toBe(0);
  });

  test('as JSON prints one document and nothing else', async () => {
    const { code, stdout } = await probe([server.url, '--json', '--rounds=3'], server.credentials());
    expect(code).toBe(EXIT.ok);
    const report = JSON.parse(stdout) as ProbeReport & { url: string };
    expect(report).toMatchObject({ url: shown(), ok: true, clockSkewMs: 0 });
    expect(report.latency.map(({ operation, count }) => [operation, count])).toEqual(
      ['create', 'get', 'head', 'list', 'delete'].map((operation) => [operation, 3]),
    );
    expect(report.properties.every(({ ok, why }) => ok && why !== '')).toBe(true);
  });

  test('of a store that ignores If-None-Match says so and ends with the code for refused', async () => {
    const liar = await startLyingStore(server, 'condition-ignored');
    try {
      const people = await probe([liar.url, '--rounds=0'], server.credentials());
      expect(people.code).toBe(EXIT.storeRefused);
      expect(people.stdout).toMatch(/^FAIL {2}create-refused-if-present .*ignores If-None-Match$/m);
      expect(people.stdout.trimEnd().split('\n').at(-1)).toMatch(
        /must not hold journals: it breaks .*create-refused-if-present/,
      );
      expect(people.stderr).toContain('create-refused-if-present: FAIL');
      const machine = await probe([liar.url, '--json', '--rounds=0'], server.credentials());
      expect(machine.code).toBe(EXIT.storeRefused);
      const report = JSON.parse(machine.stdout) as ProbeReport;
      expect(report.ok).toBe(false);
      expect(report.properties.filter(({ ok }) => !ok).map(({ name }) => name)).toContain(
        'create-refused-if-present',
      );
    } finally {
      await liar.close();
    }
  });

  test.each<[string, () => Promise<readonly [url: string, env: Record<string, string>]>, string]>([
    [
      'wrong credentials',
      async () => [server.url, { ...server.credentials(), AWS_SECRET_ACCESS_KEY: 'wrong' }],
      'STORE_DENIED',
    ],
    [
      'a missing bucket',
      async () => [server.url.replace('s3://holdfast', 's3://nothere'), server.credentials()],
      'STORE_NO_BUCKET',
    ],
    [
      'nobody there',
      async () => [
        `s3://holdfast?endpoint=http://127.0.0.1:${await freePort()}&region=us-east-1`,
        server.credentials(),
      ],
      'STORE_UNREACHABLE',
    ],
  ])(
    'of %s judges nothing, names the reason and what to do, and ends with the code for refused',
    async (_, where, code) => {
      const [url, env] = await where();
      const people = await probe([url], env);
      expect([people.code, people.stdout]).toEqual([EXIT.storeRefused, '']);
      expect(people.stderr).toContain(`${code}: `);
      const machine = await probe([url, '--json'], env);
      expect(JSON.parse(machine.stdout)).toMatchObject({ ok: false, error: { code } });
      expect(machine.stdout + people.stderr).not.toContain(server.secretAccessKey);
    },
  );

  test('interrupted, removes what it had made, and says that there is no verdict', async () => {
    const { code, stdout, stderr } = await probe(
      [server.url],
      server.credentials(),
      'create-refused-if-present: ok',
    );
    expect([code, stdout]).toEqual([EXIT.internal, '']);
    expect(stderr).toContain('INTERRUPTED: ');
    expect(await left()).toBe(0);
  });

  test('refuses a number of rounds that is none', async () => {
    const { code, stderr } = await probe([server.url, '--rounds=many'], {});
    expect(code).toBe(EXIT.configuration);
    expect(stderr).toContain('A number from 0 to 1000');
  });
});
