/**
 * holdfast state as a user runs it, on a file store.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { systemClock as clock, systemRandom as random, utf8 } from '../base/index.ts';
import { parseHints, type FsmHints } from '../recoverylog/index.ts';
import { openStore } from '../store/index.ts';
import { exportSnapshot } from '../statemachine/index.ts';
import { ListMachine, TestReplica, withReplicas } from '../statemachine/testing/index.ts';
import { holdfast, type Run } from './testing/index.ts';

const NAME = 'shards/lists';
const state = (command: string, ...rest: string[]): Promise<Run> => holdfast(['state', command, ...rest]);

/** Made once: an exported snapshot of the texts a, b, c. */
let root: string;
let exported: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-state-cli-'));
  await withReplicas(async (start) => {
    const primary = await start();
    const runtime = await primary.promote(4);
    for (const text of ['a', 'b', 'c']) await runtime.propose(utf8(text));
    exported = (await exportSnapshot(runtime, primary.taken!.fs, root)).path;
  });
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Runs with a primary of the log in a file store. */
async function asPrimary(
  store: string,
  term: number,
  hints: FsmHints | undefined,
  use: (primary: TestReplica) => Promise<void>,
): Promise<void> {
  const journal = { store: openStore(store), name: NAME, generation: 'g1' };
  const dir = await mkdtemp(join(root, 'primary-'));
  const primary = await TestReplica.start({ journal, clock, random }, dir, new ListMachine(), hints);
  try {
    await primary.promote(term);
    await use(primary);
  } finally {
    await primary.close();
  }
}

test('a snapshot that is whole is said to be so; one that is not ends with 30', async () => {
  expect(await state('check', exported)).toMatchObject({
    code: EXIT.ok,
    stdout: expect.stringMatching(
      /^whole: a snapshot of a machine of the concurrent kind at index 4, term 4, /,
    ),
  });
  const file = join(exported, 'state.snapshot');
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, -1));
  const run = await state('check', exported, '--json');
  expect(run.code).toBe(EXIT.dataLoss);
  expect(run.stdout).toContain('SNAPSHOT_DAMAGED');
  await writeFile(file, bytes);
});

test('a snapshot is the beginning of a new log, once; with --replace it is the state of a log that has newer state', async () => {
  await mkdir(join(root, 'store'));
  const store = `file://${join(root, 'store')}`;
  const hints = join(root, 'hints.json');
  const target = ['--store', store, '--journal', NAME, '--generation', 'g1'];
  const first = await state('import', exported, ...target, '--hints-out', hints, '--json');
  expect(first).toMatchObject({ code: EXIT.ok, stderr: expect.stringContaining('imported a snapshot') });
  expect(JSON.parse(first.stdout)).toMatchObject({ ok: true, kind: 'concurrent', index: 4, term: 1 });
  await asPrimary(store, 2, parseHints(await readFile(hints)), async ({ runtime }) => {
    expect(runtime!.lookup()).toEqual(['a', 'b', 'c']);
    await runtime!.propose(utf8('newer'));
    await runtime!.checkpoint();
  });
  const again = await state('import', exported, ...target);
  expect(again).toMatchObject({ code: EXIT.configuration, stderr: expect.stringContaining('history') });
  const replaced = await state('import', exported, ...target, '--replace', '--json');
  expect(replaced.code).toBe(EXIT.ok);
  expect(JSON.parse(replaced.stdout)).toMatchObject({ term: 3 });
  await asPrimary(store, 4, undefined, ({ runtime }) => {
    expect(runtime!.lookup()).toEqual(['a', 'b', 'c']);
    return Promise.resolve();
  });
});
