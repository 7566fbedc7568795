/**
 * holdfast log as a user runs it, on a file store and on plain bytes.
 */
import {
  access,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { sha256Hex, utf8 } from '../base/index.ts';
import { seededRandom } from '../base/testing/index.ts';
import { parseHints } from '../recoverylog/index.ts';
import { holdfast, startHoldfast, type Run } from './testing/index.ts';

const NAME = 'shards/orders';
const LARGE = seededRandom(3).bytes(1_500_000);

const log = (command: string, ...rest: string[]): Promise<Run> => holdfast(['log', command, ...rest]);
const jsonOf = ({ stdout }: Run): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;
const linesOf = ({ stdout }: Run): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Made once: a directory, its log in a store, the hints and the plain bytes of it. */
let root: string;
let source: string;
let store: readonly string[];
let hints: string;
let raw: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-log-'));
  source = join(root, 'source');
  await mkdir(join(source, 'a'), { recursive: true });
  await writeFile(join(source, 'a/large'), LARGE);
  await writeFile(join(source, 'a/two names'), 'shared');
  await link(join(source, 'a/two names'), join(source, 'other name'));
  await writeFile(join(source, 'empty'), '');
  await mkdir(join(root, 'store'));
  const url = `file://${join(root, 'store')}`;
  store = ['--store', url, '--journal', NAME];
  hints = join(root, 'hints.json');
  const run = await log('import', source, ...store, '--generation', 'g1', '--hints-out', hints, '--json');
  expect(run).toMatchObject({
    code: EXIT.ok,
    stderr: expect.stringContaining('imported 3 files, 1 further link'),
  });
  expect(jsonOf(run)).toEqual({
    ok: true,
    journal: NAME,
    generation: 'g1',
    files: 3,
    links: 1,
    bytes: LARGE.length + 6,
    skipped: 0,
    hints: JSON.parse(await readFile(hints, 'utf8')) as unknown,
  });
  raw = join(root, 'journal.log');
  const child = startHoldfast(['journal', 'cat', url, NAME]);
  await writeFile(raw, child.stdout);
});
afterAll(() => rm(root, { recursive: true, force: true }));

let out: string;
let n = 0;
beforeEach(() => {
  out = join(root, `out-${n++}`);
});

const RESTORED = {
  files: [
    { path: '/a/large', size: LARGE.length, sha256: sha256Hex(LARGE) },
    { path: '/a/two names', size: 6, sha256: sha256Hex(utf8('shared')) },
    { path: '/empty', size: 0, sha256: sha256Hex(utf8('')) },
    { path: '/other name', size: 6, sha256: sha256Hex(utf8('shared')) },
  ],
  nextSeqNo: 8,
  nextChecksum: expect.any(Number),
};

describe('holdfast log play', () => {
  test('restores what was imported, with its links, and prints exactly the files and how the log goes on', async () => {
    const run = await log('play', ...store, '--hints', hints, '--out', out, '--json');
    expect(run).toMatchObject({ code: EXIT.ok, stderr: '' });
    expect(jsonOf(run)).toEqual(RESTORED);
    expect(Buffer.compare(await readFile(join(out, 'a/large')), LARGE)).toBe(0);
    expect((await stat(join(out, 'a/two names'))).ino).toBe((await stat(join(out, 'other name'))).ino);
  });

  test('does not touch a directory that holds something, unless it is told to', async () => {
    await mkdir(out);
    await writeFile(join(out, 'mine'), 'keep me');
    const refused = await log('play', '--raw', raw, '--out', out);
    expect(refused).toMatchObject({
      code: EXIT.configuration,
      stderr: expect.stringMatching(/^DIRECTORY_UNFIT: .*--force/),
    });
    expect(await readdir(out)).toEqual(['mine']);
    const forced = await log('play', '--raw', raw, '--out', out, '--force');
    expect(forced).toMatchObject({
      code: EXIT.ok,
      stdout: expect.stringMatching(/^restored 4 files, 1\.4 MiB, into /),
    });
    expect((await readdir(out)).sort()).toEqual(['a', 'empty', 'other name']);
  });

  test('that fails in the middle leaves nothing, and says where the log is damaged', async () => {
    const bytes = await readFile(raw);
    bytes[1_200_000 + bytes.subarray(1_200_000).indexOf(Uint8Array.of(0x66, 0x33, 0x93, 0x36)) + 7] = 0xff; // a length of 4 GB
    const damaged = `${raw}.damaged`;
    await writeFile(damaged, bytes);
    const run = await log('play', '--raw', damaged, '--out', out);
    expect(run).toMatchObject({
      code: EXIT.dataLoss,
      stdout: '',
      stderr: expect.stringMatching(/^REPLAY_FAILED: .* at byte \d+/),
    });
    expect(await exists(out)).toBe(false);
    await mkdir(out);
    expect((await log('play', '--raw', damaged, '--out', out, '--json')).code).toBe(EXIT.dataLoss);
    expect(await readdir(out)).toEqual([]); // it was there before
    const checked = await log('fsck', '--raw', damaged, '--hints', hints, '--json', '--journal', NAME);
    expect(checked.code).toBe(1);
    expect(jsonOf(checked)).toMatchObject({
      ok: false,
      hints: [{ hints, ok: false, code: 'REPLAY_FAILED' }],
      findings: expect.arrayContaining([
        expect.objectContaining({ severity: 'problem', kind: 'damaged-frame' }),
        expect.objectContaining({ severity: 'problem', kind: 'missing-operations' }),
      ]),
    });
    const ops = await log('ops', '--raw', damaged, '--json');
    const kinds = linesOf(ops).map(({ kind }) => kind);
    expect(ops.code).toBe(EXIT.dataLoss);
    expect(kinds.indexOf('op')).toBeLessThan(kinds.indexOf('damage'));
    expect(kinds.lastIndexOf('op')).toBeGreaterThan(kinds.indexOf('damage'));
  });

  test('that is called off leaves nothing', async () => {
    const big = join(root, 'big');
    await mkdir(big);
    for (let i = 0; i < 4; i++) await writeFile(join(big, String(i)), Buffer.alloc(32_000_000, i));
    const others = ['--store', store[1]!, '--journal', 'shards/big'];
    expect((await log('import', big, ...others)).code).toBe(EXIT.ok);
    const child = startHoldfast(['log', 'play', ...others, '--out', out]);
    while (!(await exists(out))) await sleep(2);
    child.kill('SIGINT');
    const [code] = await Promise.all([
      new Promise((resolve) => child.once('close', resolve)),
      text(child.stderr),
    ]);
    expect(code).toBe(130);
    expect(await exists(out)).toBe(false);
  });
});

describe('holdfast log ops', () => {
  test('prints the log as lines, whole or from one byte to another', async () => {
    const { code, stdout } = await log('ops', ...store);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/));
    expect(code).toBe(EXIT.ok);
    expect(rows[0]).toEqual(['OFFSET', 'SEQ', 'AUTHOR', 'CHECKSUM', 'WHAT']);
    expect(rows.slice(1).map((row) => row.at(-1))).toEqual([
      expect.stringMatching(/^FENCE slot 0 author=\w+ term=1$/),
      'create "/a/large"',
      'write file 1: 1048576 bytes at 0',
      'write file 1: 451424 bytes at 1048576',
      'create "/a/two names"',
      'write file 4: 6 bytes at 0',
      'create "/empty"',
      'link file 4 as "/other name"',
      'HEAD',
    ]);
    const all = linesOf(await log('ops', '--raw', raw, '--json'));
    expect(all[0]).toEqual({
      kind: 'op',
      offset: 0,
      end: all[1]!['offset'],
      seqNo: 1,
      checksum: 0,
      author: expect.any(Number),
      create: { path: '/a/large' },
    });
    const [from, to] = [all[2]!['offset'], all[5]!['offset']];
    expect(
      linesOf(await log('ops', '--raw', raw, '--json', '--from', String(from), '--to', String(to))),
    ).toEqual(all.slice(2, 5));
    expect(await log('ops', '--raw', raw, '--from', '99M')).toMatchObject({
      code: EXIT.configuration,
      stderr: expect.stringMatching(/^RANGE_NOT_THERE/),
    });
  });

  test('ends quietly when its reader has had enough', async () => {
    const child = startHoldfast(['log', 'ops', '--raw', raw]);
    child.stdout.once('data', () => child.stdout.destroy());
    const [code, stderr] = await Promise.all([
      new Promise((resolve) => child.once('close', resolve)),
      text(child.stderr),
    ]);
    expect({ code, stderr }).toEqual({ code: EXIT.ok, stderr: '' });
  });
});

describe('holdfast log hints', () => {
  test('builds those of the log as it stands, in both forms', async () => {
    const binary = join(root, 'hints.pb');
    const run = await log('hints', ...store, '--protobuf', binary, '--json');
    expect(run.code).toBe(EXIT.ok);
    const stored = parseHints(await readFile(hints));
    expect(parseHints(utf8(run.stdout.trim()))).toEqual(stored);
    expect(parseHints(await readFile(binary))).toEqual(stored);
    const shown = await log('hints', '--show', binary);
    expect(shown.stdout).toMatch(/^log +shards\/orders\nfiles +3 that were alive\nsegments +1 of 1 author\n/);
    expect(shown.stdout).toMatch(
      /reads +shards\/orders: everything from byte 0 to its head\nknows +operations up to 7\n$/,
    );
  });

  test('of another log, or damaged ones, are refused by name', async () => {
    await writeFile(`${hints}.cut`, (await readFile(hints)).subarray(0, 50));
    for (const run of [
      await log('plan', ...store, '--hints', `${hints}.cut`),
      await log('plan', '--raw', raw, '--journal', 'another/log', '--hints', hints),
    ])
      expect(run).toMatchObject({
        code: EXIT.configuration,
        stdout: '',
        stderr: expect.stringMatching(/^HINTS_INVALID: .*hints\.json/),
      });
  });
});

test('holdfast log plan says what would be read, from where, and what is left out', async () => {
  const run = await log('plan', ...store, '--hints', hints, '--json');
  const size = (await stat(raw)).size;
  expect(jsonOf(run)).toMatchObject({
    log: NAME,
    bytes: size,
    skippedBytes: 0,
    prunedBytes: 0,
    parts: [{ log: NAME, head: size, reads: [{ begin: 0, end: size, source: 'slots' }] }],
  });
});

describe('holdfast log fork', () => {
  test('makes a log whose hints restore the same files, and leaves the old one alone', async () => {
    const forkHints = join(root, 'fork.json');
    const run = await log('fork', ...store, '--to', 'shards/copy', '--hints-out', forkHints);
    expect(run).toMatchObject({
      code: EXIT.ok,
      stderr: expect.stringMatching(/shards\/copy needs 1\.4 MiB of shards\/orders: pin that log/),
    });
    const copy = ['--store', store[1]!, '--journal', 'shards/copy'];
    const played = await log('play', ...copy, '--hints', forkHints, '--out', out, '--json');
    expect(jsonOf(played)).toEqual({ ...RESTORED, nextSeqNo: 10 });
    expect((await log('fsck', ...copy, '--hints', forkHints)).code).toBe(0);
    const old = await log('fsck', ...store, '--hints', hints);
    expect(old).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/play to the head\nCLEAN: 7 operations of 1 author/),
    });
  });
});

describe('holdfast log import', () => {
  test('refuses what a log cannot hold before it writes anything, or leaves it out and says so', async () => {
    const odd = join(root, 'odd');
    await mkdir(join(odd, 'nothing'), { recursive: true });
    await writeFile(join(odd, 'file'), 'x');
    await symlink('file', join(odd, 'symbolic'));
    const others = ['--store', store[1]!, '--journal', 'shards/odd'];
    const refused = await log('import', odd, ...others);
    expect(refused).toMatchObject({
      code: EXIT.configuration,
      stdout: '',
      stderr: expect.stringContaining('NOT_RECORDABLE'),
    });
    expect(refused.stderr).toContain('cannot be recorded: "/nothing", an empty directory\n');
    expect((await log('ops', ...others)).stderr).toMatch(/^JOURNAL_NOT_FOUND/);
    const skipping = await log('import', odd, ...others, '--skip');
    expect(skipping).toMatchObject({
      code: EXIT.ok,
      stderr: expect.stringContaining('left out: "/symbolic", a symbolic link\n'),
    });
    await log('play', ...others, '--out', out);
    expect(await readdir(out)).toEqual(['file']);
  });

  test('refuses what is no directory, and one that holds the store', async () => {
    for (const [dir, problem] of [
      [raw, /^DIRECTORY_UNFIT: .* is no directory/],
      [root, /^DIRECTORY_UNFIT: .* holds the store itself/],
    ] as const)
      expect(await log('import', dir, '--store', store[1]!, '--journal', 'shards/none')).toMatchObject({
        code: EXIT.configuration,
        stdout: '',
        stderr: expect.stringMatching(problem),
      });
  });

  test('refuses a journal that has a history', async () => {
    for (const more of [[], ['--generation', 'g1']])
      expect(await log('import', source, ...store, ...more)).toMatchObject({
        code: EXIT.configuration,
        stdout: '',
        stderr: expect.stringMatching(/^LOG_NOT_NEW/),
      });
  });
});

test('a command without a log, or with two, says how one is named', async () => {
  expect(await log('ops')).toMatchObject({
    code: EXIT.configuration,
    stderr: expect.stringMatching(/^LOG_NOT_NAMED: .*--raw FILE/),
  });
  expect((await log('fsck', '--raw', raw, ...store, '--json')).stdout).toContain('"code":"LOG_NOT_NAMED"');
  expect(await log('play', '--raw', join(root, 'absent'), '--out', out)).toMatchObject({
    code: EXIT.localDisk,
    stderr: expect.stringMatching(/^RAW_FILE_FAILED: .*absent cannot be read/),
  });
});
