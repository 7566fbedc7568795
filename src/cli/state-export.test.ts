/**
 * holdfast state export: the state of a shard out of its log while its primary goes on, and what becomes of it elsewhere and at home.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { systemClock as clock, systemRandom as random, utf8 } from '../base/index.ts';
import { KvClient } from '../kvstore/client/index.ts';
import { closeReplicas, ReplicaProcess, startReplica, until } from '../kvstore/testing/index.ts';
import { type PlainLog } from '../recoverylog/testing/index.ts';
import { checkExport } from '../statemachine/index.ts';
import { ListMachine, TestReplica } from '../statemachine/testing/index.ts';
import { openStore } from '../store/index.ts';
import { holdfast, type Run } from './testing/index.ts';

let root: string;
let store: string;
const running: ReplicaProcess[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-state-export-'));
  await mkdir(join(root, 'store'));
  store = `file://${join(root, 'store')}`;
});
afterEach(async () => {
  await closeReplicas();
  for (const replica of running.splice(0)) await replica.kill();
});
afterAll(() => rm(root, { recursive: true, force: true }));

function logOf(name: string): PlainLog {
  return { journal: { store: openStore(store), name, generation: 'g1' }, clock, random };
}

const state = (command: string, ...rest: string[]): Promise<Run> => holdfast(['state', command, ...rest]);

async function primaryOf(name: string, term: number, engine: 'memory' | 'sqlite'): Promise<ReplicaProcess> {
  const dir = await mkdtemp(join(root, 'replica-'));
  const replica = await ReplicaProcess.start(logOf(name), dir, { engine });
  running.push(replica);
  await replica.promote(term);
  return replica;
}

interface Report {
  readonly ok: boolean;
  readonly path: string;
  readonly kind: string;
  readonly index: number;
  readonly term: number;
}

async function exported(name: string, machine: string): Promise<Report> {
  const out = await mkdtemp(join(root, 'exports-'));
  const run = await state(
    'export',
    '--store',
    store,
    '--journal',
    name,
    '--machine',
    machine,
    '--out',
    out,
    '--json',
  );
  expect(run).toMatchObject({ code: EXIT.ok });
  return JSON.parse(run.stdout) as Report;
}

describe.each([
  ['memory', 'kv', 'concurrent'],
  ['sqlite', 'kv-sqlite', 'on-disk'],
] as const)('the state of a key-value service (%s)', (engine, machine, kind) => {
  test('is exported at the head while its primary goes on; set back to it and written on, the log is another history', async () => {
    const name = `shards/${machine}`;
    const primary = await primaryOf(name, 3, engine);
    let at = primary;
    const client = new KvClient({ resolve: () => Promise.resolve(at.url) });
    for (let n = 0; n < 20; n++) await client.put([{ key: `k${n}`, value: `${n}` }]);
    await primary.application.checkpoint();
    await client.put([{ key: 'behind', value: 'the snapshot', ttlMs: 3_600_000 }]);
    await client.delete('k7');
    await client.compareAndSet('k8', '8', 'eight');
    const hash = await primary.machineHash();
    const { appliedIndex } = primary.application.status();
    const report = await exported(name, machine);
    expect(report).toMatchObject({ ok: true, kind, index: appliedIndex, term: 3 });
    expect(await checkExport(report.path)).toMatchObject({ kind, index: appliedIndex, term: 3 });

    await client.put([{ key: 'later', value: 'lost by what follows' }]); // it goes on
    const dir = await mkdtemp(join(root, 'follower-'));
    const before = await startReplica([[primary.url]], { dir });
    await until(async () => before.engine.stateHash() === (await primary.machineHash()));
    await before.replica.close();
    await primary.kill();

    const target = ['--store', store, '--journal', name, '--generation', 'g1', '--replace'];
    expect(await state('import', report.path, ...target)).toMatchObject({ code: EXIT.ok });
    at = await primaryOf(name, 9, engine);
    expect(await at.machineHash()).toBe(hash);
    for (let n = 0; n < 9; n++) await client.put([{ key: 'other', value: `${n}` }]); // beyond the follower's number
    const after = await startReplica([[at.url]], { dir });
    await until(async () => after.engine.stateHash() === (await at.machineHash()));
    expect(after.replica.figures()).toMatchObject({ divergences: 1, snapshotsLoaded: 1 });
    await client.close();
  }, 60_000);
});

describe('the other engine of the key-value service', () => {
  /** A shard's log with a snapshot and a put behind it. */
  async function written(name: string, engine: 'memory' | 'sqlite'): Promise<void> {
    const primary = await primaryOf(name, 1, engine);
    const client = new KvClient({ resolve: () => Promise.resolve(primary.url) });
    await client.put([{ key: 'a', value: '1' }]);
    await primary.application.checkpoint();
    await client.put([{ key: 'b', value: '2' }]);
    await client.close();
    await primary.kill();
  }

  test('takes what the one in memory has written: the state is the same', async () => {
    await written('shards/to-disk', 'memory');
    const [own, other] = [
      await exported('shards/to-disk', 'kv'),
      await exported('shards/to-disk', 'kv-sqlite'),
    ];
    expect(own).toMatchObject({ kind: 'concurrent', index: 5 });
    expect(other).toMatchObject({ kind: 'on-disk', index: 5 });
    expect(await checkExport(other.path)).toMatchObject({ kind: 'on-disk', index: 5, term: 1 });
  });

  test('in memory does not take the files of the one on the disk, and says which machine would', async () => {
    await written('shards/to-memory', 'sqlite');
    const out = join(root, 'none-to-memory');
    const target = ['--store', store, '--journal', 'shards/to-memory', '--machine', 'kv', '--out', out];
    expect(await state('export', ...target)).toMatchObject({
      code: EXIT.configuration,
      stderr: expect.stringMatching(/STATE_KIND: .*Start the service with the machine that wrote it/),
    });
  });
});

describe('the state of a service of somebody else', () => {
  const name = 'shards/lists';
  beforeAll(async () => {
    const primary = await TestReplica.start(logOf(name), root, new ListMachine());
    const runtime = await primary.promote(1);
    for (const text of ['a', 'b', 'c']) await runtime.propose(utf8(text));
    await primary.close();
  });

  test('is exported with its machine, which a file makes', async () => {
    const file = join(root, 'lists.mjs');
    const source = join(import.meta.dirname, '..', 'statemachine', 'testing', 'list-machine.ts');
    await writeFile(
      file,
      `import { ListMachine } from ${JSON.stringify(source)};\nexport default () => new ListMachine();\n`,
    );
    const report = await exported(name, file);
    expect(report).toMatchObject({ kind: 'concurrent', index: 4, term: 1 });
    const copy = await state(
      'import',
      report.path,
      '--store',
      store,
      '--journal',
      'shards/lists-copy',
      '--generation',
      'g1',
    );
    expect(copy.code).toBe(EXIT.ok);
    const replica = await TestReplica.start(logOf('shards/lists-copy'), root, new ListMachine());
    expect((await replica.promote(2)).lookup()).toEqual(['a', 'b', 'c']);
    await replica.close();
  });

  test('is not exported without it: the answer says what to do', async () => {
    const file = join(root, 'nothing.mjs');
    await writeFile(file, 'export const machine = 1;\n');
    const target = ['--store', store, '--journal', name, '--machine', file, '--out', join(root, 'none')];
    expect(await state('export', ...target)).toMatchObject({
      code: EXIT.configuration,
      stderr: expect.stringMatching(/^MACHINE_UNUSABLE: .*exportSnapshot\(runtime, fs, directory\)/),
    });
  });
});
