/**
 * holdfast log against a real S3 server: a directory becomes a log, lives on, is compacted and pruned, forked, damaged.
 */
import { access, mkdtemp, mkdir, readFile, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { EXIT } from '../api/index.ts';
import { systemClock, systemRandom } from '../base/index.ts';
import { compactJournal, type Journal } from '../journal/index.ts';
import { encodeHintsJson, neededByHints, parseHints, Player } from '../recoverylog/index.ts';
import { treeOf } from '../recoverylog/testing/index.ts';
import { openStore, type ObjectStore } from '../store/index.ts';
import { holdfast, type Run } from './testing/index.ts';

const ports = { clock: systemClock, random: systemRandom };
const NAME = 'real/orders';
let root: string;
let server: S3Server;
let store: ObjectStore;
let journal: Journal;
let wanted: Readonly<Record<string, string>>;
/** Files of hints: of the import, and of its successor. */
let old: string;
let now: string;

const log = (command: string, ...rest: string[]): Promise<Run> =>
  holdfast(['log', command, ...rest, '--store', server.url], server.credentials());
const ofLog = ['--journal', NAME];
const jsonOf = ({ stdout }: Run): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

/** A primary that rewrites its state again and again; its hints. */
async function live(): Promise<Uint8Array> {
  const player = new Player({
    journal,
    hints: parseHints(await readFile(old)),
    expectHistory: true,
    dir: join(root, 'primary'),
    ...ports,
  });
  await Promise.race([player.tailing, player.run()]);
  const { fs, recorder, session } = await player.handoff({ author: 77, term: 2 });
  for (let round = 0; round < 6; round++) {
    const next = await fs.open('/state.next', { create: true });
    await next.write(systemRandom.bytes(200_000), 0);
    await next.close();
    await fs.rename('/state.next', '/state');
  }
  await fs.barrier(); // the directory, too, is as the log has it
  const hints = encodeHintsJson(await recorder.buildHints());
  await session.close();
  wanted = await treeOf(join(root, 'primary'));
  return hints;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-log-'));
  old = join(root, 'old.json');
  now = join(root, 'now.json');
  server = await startS3Server();
  store = openStore(server.url, { credentials: server });
  await mkdir(join(root, 'source/dir'), { recursive: true });
  await writeFile(join(root, 'source/dir/stays'), 'from the beginning');
  await writeFile(join(root, 'source/state'), systemRandom.bytes(3_000_000));
  const imported = await log(
    'import',
    join(root, 'source'),
    ...ofLog,
    '--generation',
    'g1',
    '--hints-out',
    old,
  );
  expect(imported).toMatchObject({ code: EXIT.ok });
  journal = { store, name: NAME, generation: 'g1' };
  const hints = await live();
  await writeFile(now, hints);
  await compactJournal(journal, {
    term: 3,
    needed: neededByHints(NAME, hints),
    options: { fragmentBytes: 65_536, compression: 'raw' },
    ...ports,
  });
});
afterAll(async () => {
  await store.close();
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

describe('a log at a real S3 server that was imported, taken over, compacted and pruned', () => {
  test('is planned, checked and restored from the newest hints', async () => {
    const plan = jsonOf(await log('plan', ...ofLog, '--hints', now, '--json'));
    expect(plan['prunedBytes']).toBeGreaterThan(1_000_000);
    expect(plan['bytes']).toBeLessThan(1_500_000);
    expect(plan['parts']).toMatchObject([
      { reads: expect.arrayContaining([expect.objectContaining({ source: 'fragments' })]) },
    ]);
    const checked = await log('fsck', ...ofLog, '--hints', now);
    expect(checked).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/warning pruned: .*\nhints .*now\.json: play to the head\nCLEAN/s),
    });
    const out = join(root, 'restored');
    expect(await log('play', ...ofLog, '--hints', now, '--out', out)).toMatchObject({ code: EXIT.ok });
    expect(await treeOf(out)).toEqual(wanted);
  });

  test('is not restored to something older, from older hints or from none', async () => {
    for (const from of [['--hints', old], []]) {
      const out = join(root, 'older');
      const run = await log('play', ...ofLog, ...from, '--out', out);
      expect(run).toMatchObject({ code: EXIT.dataLoss, stderr: expect.stringMatching(/HISTORY_LOST: /) });
      await expect(access(out)).rejects.toMatchObject({ code: 'ENOENT' });
    }
    const checked = await log('fsck', ...ofLog, '--hints', now, '--hints', old, '--json');
    expect(checked.code).toBe(1);
    expect(jsonOf(checked)).toMatchObject({
      ok: false,
      problems: 0,
      hints: [
        { hints: now, ok: true },
        { hints: old, ok: false, code: 'HISTORY_LOST' },
      ],
    });
  });

  test('is forked without its bytes', async () => {
    const copy = join(root, 'copy.json');
    const forked = await log('fork', ...ofLog, '--hints', now, '--to', 'real/copy', '--hints-out', copy);
    expect(forked).toMatchObject({ code: EXIT.ok });
    const out = join(root, 'copy');
    expect(await log('play', '--journal', 'real/copy', '--hints', copy, '--out', out)).toMatchObject({
      code: EXIT.ok,
    });
    expect(await treeOf(out)).toEqual(wanted);
  });

  test('leaves nothing when an object is gone, and fsck names it', async () => {
    const fragments = join(server.directory, server.bucket, NAME);
    const last = (await readdir(fragments)).sort().at(-1)!;
    await unlink(join(fragments, last));
    const out = join(root, 'damaged');
    const run = await log('play', ...ofLog, '--hints', now, '--out', out, '--json');
    expect(run.code).toBe(EXIT.dataLoss);
    expect(jsonOf(run)).toMatchObject({ ok: false, error: { code: 'DATA_LOSS' } });
    await expect(access(out)).rejects.toMatchObject({ code: 'ENOENT' });
    const checked = await log('fsck', ...ofLog, '--hints', now);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toContain(`missing-fragment: fragment (${NAME}/${last}`);
    expect(checked.stdout).toContain('problem unreadable: ');
    expect(checked.stdout).toMatch(/now\.json: DO NOT PLAY/);
  });
});
