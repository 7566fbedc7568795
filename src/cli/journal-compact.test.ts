/**
 * holdfast journal compact and prune as a user runs them, on a file store.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hintsObjects } from '../agent/index.ts';
import { ANNOTATIONS, EXIT } from '../api/index.ts';
import { silentLogger, systemClock, systemRandom, toHex, utf8 } from '../base/index.ts';
import { compactJournal, JournalReader, openSession, type Session } from '../journal/index.ts';
import { memoryHintsSlots } from '../persistence/index.ts';
import { encodeHintsJson, parseHints } from '../recoverylog/index.ts';
import { openStore } from '../store/index.ts';
import { holdfast } from './testing/index.ts';

const ports = { clock: systemClock, random: systemRandom };
const NAME = 'orders/log';
/** Each longer than what follows it, so that compacting them one after the other makes a fragment of each. */
const PARTS = ['a'.repeat(300), 'b'.repeat(200), 'c'.repeat(100)];
const CONTENT = PARTS.join('');

let dir: string;
let url: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-journal-'));
  url = `file://${dir}`;
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function open(term: number): Promise<Session> {
  const journal = { store: openStore(url), name: NAME, generation: 'g1' };
  const reader = new JournalReader(journal, ports);
  while ((await reader.next()).kind !== 'tail');
  return await openSession(journal, { cursor: reader.cursor, author: 1000 + term, term, ...ports });
}

async function append(term: number, content: string): Promise<void> {
  const session = await open(term);
  await session.append(utf8(content), { barrier: true }).committed;
  await session.close();
}

const run = (command: string, ...rest: string[]): ReturnType<typeof holdfast> =>
  holdfast(['journal', command, url, NAME, ...rest]);
const json = (stdout: string): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;
const objects = async (): Promise<string[]> => await readdir(dir, { recursive: true });

/** Hints that need bytes [begin, end) and everything from `open` on. */
function hintsOf(begin: number, end: number, openFrom: number): Uint8Array {
  const segment = (seqNo: number, firstOffset: number, lastOffset: number): object => ({
    author: seqNo,
    firstSeqNo: seqNo,
    firstOffset,
    firstChecksum: 0,
    lastSeqNo: seqNo,
    lastOffset,
    log: '',
  });
  const nodes = [
    { fnode: 1, segments: [segment(1, begin, end)] },
    { fnode: 9, segments: [segment(9, openFrom, openFrom + 1)] },
  ];
  return encodeHintsJson({ log: NAME, liveNodes: nodes, properties: [] } as Parameters<
    typeof encodeHintsJson
  >[0]);
}

/** A RecoveryLog as kubectl prints it, with these hints in its slots, oldest first. */
async function recoveryLog(hints: readonly Uint8Array[], spec: object = {}): Promise<string> {
  const journal = { store: openStore(url), name: NAME, generation: 'g1' };
  const slots = memoryHintsSlots(hintsObjects({ ...ports, journal, log: silentLogger }));
  for (const [i, value] of hints.entries()) await slots.write({ term: i + 1, value, rotate: true });
  const names = {
    primary: ANNOTATIONS.hintsPrimary,
    'backup-0': ANNOTATIONS.hintsBackup0,
    'backup-1': ANNOTATIONS.hintsBackup1,
  };
  const annotations = Object.fromEntries(
    Object.entries(slots.annotations).map(([slot, text]) => [names[slot as keyof typeof names], text]),
  );
  const file = join(dir, 'recoverylog.json');
  await writeFile(file, JSON.stringify({ kind: 'RecoveryLog', metadata: { name: 's', annotations }, spec }));
  return file;
}

/** Longer than what fits into an annotation. */
function large(hints: Uint8Array): Uint8Array {
  const noise = Array.from({ length: 1500 }, (_, i) => ({
    path: `/${i}`,
    content: toHex(systemRandom.bytes(32)),
  }));
  return encodeHintsJson({ ...parseHints(hints), properties: noise });
}

async function compacted(): Promise<void> {
  for (const [i, part] of PARTS.entries()) {
    await append(2 * i + 1, part);
    await compactJournal({ store: openStore(url), name: NAME, generation: 'g1' }, ports);
  }
}

describe('holdfast journal compact', () => {
  test('does nothing without --fence, and says why', async () => {
    await append(1, 'content');
    const before = await objects();
    const { code, stderr } = await run('compact');
    expect(code).toBe(EXIT.configuration);
    expect(stderr).toMatch(/^FENCE_NOT_CONFIRMED: .*Suspend the shard.*--fence/);
    expect(await objects()).toEqual(before);
  });

  test('takes the journal over, compacts it, and gives it up; the content is the same', async () => {
    const primary = await open(1);
    await primary.append(utf8('content'), { barrier: true }).committed;
    const { code, stdout, stderr } = await run('compact', '--fence', '--json');
    expect(code).toBe(EXIT.ok);
    expect(json(stdout)).toMatchObject({
      ok: true,
      journal: NAME,
      term: 2,
      compactedBytes: 7,
      fragments: 1,
      prunedBytes: 0,
      superfluous: 1,
      deleted: 0,
    });
    expect(stderr).toBe(`taking ${NAME} over with term 2\ncompacting 7 B\n`);
    await expect(primary.append(utf8('x'), { barrier: true }).committed).rejects.toMatchObject({
      code: 'FENCED',
    });
    expect((await run('cat')).stdout).toBe('content');
    expect((await run('verify')).code).toBe(EXIT.ok);
    await append(3, ', more');
    expect((await run('cat')).stdout).toBe('content, more');
  });

  test('refuses a term that the log forbids', async () => {
    await append(5, 'content');
    const { code, stderr } = await run('compact', '--fence', '--term', '4');
    expect(code).toBe(EXIT.fenced);
    expect(stderr).toContain('STALE_TERM');
  });
});

describe('holdfast journal prune', () => {
  test('--dry-run says of every fragment whether it goes and who needs it, and writes nothing', async () => {
    await compacted();
    const oldest = hintsOf(350, 360, 550);
    const file = await recoveryLog([oldest, hintsOf(350, 360, 560), hintsOf(350, 360, 570)]);
    const before = await objects();
    const { code, stdout } = await run('prune', '--dry-run', '--hints', file, '--json');
    expect(code).toBe(EXIT.ok);
    expect(json(stdout)).toMatchObject({
      dryRun: true,
      prunable: { fragments: 1, bytes: 300 },
      fragments: [
        { begin: 0, end: 300, verdict: 'unneeded', neededBy: [] },
        { begin: 300, end: 500, verdict: 'needed' },
        { begin: 500, end: 600, verdict: 'needed' },
      ],
      evidence: [{ source: `${file} primary of term 3` }, {}, { source: `${file} backup-1 of term 1` }],
    });
    const people = (await run('prune', '--dry-run', '--hints', file)).stdout.split('\n');
    expect(people.filter((line) => line.startsWith('prune'))).toEqual([
      expect.stringMatching(/^prune {5}bytes 0-300, .*: nobody needs it$/),
    ]);
    expect(people.at(-2)).toMatch(/^1 of 3 fragments may go: 300 B of content/);
    expect(await objects()).toEqual(before);
  });

  test('with --fence gives up what nobody needs, as an announced hole', async () => {
    await compacted();
    const file = join(dir, 'hints');
    await writeFile(file, hintsOf(350, 360, 550));
    expect(await run('prune', '--hints', file)).toMatchObject({ code: EXIT.configuration });
    const { code, stdout } = await run('prune', '--fence', '--hints', file, '--json');
    expect(code).toBe(EXIT.ok);
    expect(json(stdout)).toMatchObject({ prunedFragments: 1, prunedBytes: 300 });
    expect((await run('cat', '--from', '300')).stdout).toBe(CONTENT.slice(300));
    expect((await run('cat')).stderr).toContain('RANGE_PRUNED');
    expect((await run('verify')).code).toBe(EXIT.ok);
  });

  test('reads hints that a RecoveryLog only points to from the store; when one is gone, nothing may be pruned', async () => {
    await compacted();
    const hints = [350, 350, 350].map((begin) => large(hintsOf(begin, 360, 550)));
    const file = await recoveryLog(hints);
    const { code, stdout } = await run('prune', '--dry-run', '--hints', file, '--json');
    expect(code).toBe(EXIT.ok);
    expect(json(stdout)['prunable']).toMatchObject({ fragments: 1 });
    const kept = join(dir, '_slots', NAME, 'g1', 'hints');
    const [first] = await readdir(kept);
    await rm(join(kept, first!));
    const without = await run('prune', '--dry-run', '--hints', file);
    expect(without.code).toBe(EXIT.configuration);
    expect(without.stderr).toMatch(/HINTS_UNUSABLE.*HintsDamaged.*does not exist/);
    expect((await run('verify')).code).toBe(EXIT.ok);
    expect((await run('ls')).stdout).not.toContain('hints');
  });

  test('does not guess what is needed: no hints, an empty slot, a pin, damage and hints of another log are refused', async () => {
    await compacted();
    const good = hintsOf(350, 360, 550);
    const refused = async (...files: string[]): Promise<string> => {
      const { code, stderr } = await run('prune', '--dry-run', ...files.flatMap((file) => ['--hints', file]));
      expect(code).toBe(EXIT.configuration);
      expect(stderr).toContain('HINTS_UNUSABLE');
      return stderr;
    };
    expect(await refused()).toContain('--hints');
    expect(await refused(await recoveryLog([good, good]))).toContain('HintsMissing');
    const pinned = await recoveryLog([good, good, good], { pins: [{ name: 'snap-1' }] });
    expect(await refused(pinned)).toContain('pinned by snap-1');
    const bad = join(dir, 'bad');
    await writeFile(bad, 'no hints');
    expect(await refused(bad)).toContain('neither JSON nor protobuf');
    const other = Buffer.from(good).toString().replaceAll(NAME, 'orders/other');
    await writeFile(bad, other);
    expect(await refused(bad)).toContain('orders/other');
  });
});
