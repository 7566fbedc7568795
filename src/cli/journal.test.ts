/**
 * holdfast journal as a user runs it, on a file store.
 */
import {
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { systemClock, systemRandom, utf8 } from '../base/index.ts';
import { JournalReader, openSession, type Session } from '../journal/index.ts';
import { BuiltJournal, putObjects } from '../journal/testing/index.ts';
import { seededRandom } from '../base/testing/index.ts';
import { openStore } from '../store/index.ts';
import { holdfast, startHoldfast } from './testing/index.ts';

const ports = { clock: systemClock, random: systemRandom };
const NAME = 'orders/log';
const LINES = ['one\n', 'two\n', 'three\n', 'four\n', 'five\n'];
const CONTENT = LINES.join('');

let dir: string;
let url: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-journal-'));
  url = `file://${dir}`;
  for (const [term, lines] of [
    [1, LINES.slice(0, 3)],
    [2, LINES.slice(3)],
  ] as const) {
    const session = await open(NAME, 'g1', term);
    for (const line of lines) await session.append(utf8(line), { barrier: true }).committed;
    await session.close();
  }
});
const made: string[] = [];
afterAll(async () => {
  for (const each of made) await rm(each, { recursive: true, force: true });
});
beforeEach(() => {
  made.push(dir);
});

async function open(name: string, generation: string, term: number): Promise<Session> {
  const journal = { store: openStore(url), name, generation };
  const reader = new JournalReader(journal, ports);
  while ((await reader.next()).kind !== 'tail');
  return await openSession(journal, { cursor: reader.cursor, author: 1000 + term, term, ...ports });
}

const slotFile = (seq: number, name = NAME): string =>
  join(dir, '_slots', name, 'g1', 'log', seq.toString(16).padStart(16, '0'));
const journal = (command: string, ...rest: string[]): ReturnType<typeof holdfast> =>
  holdfast(['journal', command, url, ...rest]);
const jsonLines = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('holdfast journal ls', () => {
  test('lists the journals of a store, and the slots of one, for people and as JSON', async () => {
    expect(await journal('ls')).toEqual({ code: EXIT.ok, stdout: `${NAME}  generation g1\n`, stderr: '' });
    expect(jsonLines((await journal('ls', '--json')).stdout)).toEqual([{ journal: NAME, generation: 'g1' }]);
    const people = await journal('ls', NAME);
    expect(people.code).toBe(EXIT.ok);
    expect(
      people.stdout.split('\n').map((line) =>
        line
          .trim()
          .split(/\s{2,}/)
          .slice(0, 6),
      ),
    ).toEqual([
      [NAME, 'generation g1'],
      ['SLOT', 'KIND', 'BEGIN-END', 'SESSION', 'AUTHOR', 'TERM'],
      ['0', 'fence', '0-0', '0', 'v9', '1'],
      ['1', 'data', '0-4', '0', 'v9', '1'],
      ['2', 'data', '4-8', '0', 'v9', '1'],
      ['3', 'data', '8-14', '0', 'v9', '1'],
      ['4', 'fence', '14-14', '4', 'va', '2'],
      ['5', 'data', '14-19', '4', 'va', '2'],
      ['6', 'data', '19-24', '4', 'va', '2'],
      [''],
    ]);
    const rows = jsonLines((await journal('ls', NAME, '--json')).stdout);
    expect(rows).toHaveLength(7);
    expect(rows[5]).toMatchObject({
      kind: 'data',
      seq: 5,
      begin: 14,
      end: 19,
      session: 4,
      author: 'va',
      term: 2,
      codec: 'raw',
      bytes: 133,
    });
    expect(rows[4]).toMatchObject({ registers: { author: 'va', term: '2' } });
  });

  test('shows what is damaged, absent or strange in its place', async () => {
    await truncate(slotFile(1), 50);
    await unlink(slotFile(2));
    await copyFile(slotFile(3), `${slotFile(3)}.bak`);
    const { stdout, stderr } = await journal('ls', NAME);
    expect(stdout).toMatch(/ 1 {2}DAMAGED +only 50 bytes, a header has 128 \(_slots/);
    expect(stdout).toMatch(/ 2 {2}absent/);
    expect(stdout).toMatch(/ - {2}stranger .*\.bak/);
    expect(stderr).toContain('holdfast journal verify');
  });

  test('asks which generation is meant when there are several', async () => {
    await (await open(NAME, 'g2', 1)).close();
    const run = await journal('ls', NAME);
    expect(run).toMatchObject({ code: EXIT.configuration, stderr: expect.stringContaining('g1, g2') });
    expect(await journal('ls', NAME, '--generation', 'g2')).toMatchObject({
      code: EXIT.ok,
      stdout: expect.stringContaining('fence'),
    });
  });
});

describe('holdfast journal cat', () => {
  test('prints the content, or a range of it, byte for byte', async () => {
    expect(await journal('cat', NAME)).toEqual({ code: EXIT.ok, stdout: CONTENT, stderr: '' });
    expect((await journal('cat', NAME, '--from', '5', '--to', '16')).stdout).toBe(CONTENT.slice(5, 16));
    expect((await journal('cat', NAME, '--from', '24')).stdout).toBe('');
    const rows = jsonLines((await journal('cat', NAME, '--from', '6', '--json')).stdout);
    expect(rows[0]).toEqual({
      begin: 6,
      end: 8,
      base64: Buffer.from('o\n').toString('base64'),
    });
    expect(rows.map(({ base64 }) => Buffer.from(String(base64), 'base64').toString()).join('')).toBe(
      CONTENT.slice(6),
    );
  });

  test('what is not there is an error after everything that is', async () => {
    expect(await journal('cat', NAME, '--to', '99')).toMatchObject({
      code: EXIT.configuration,
      stdout: CONTENT,
      stderr: expect.stringMatching(/^RANGE_NOT_THERE: .* ends at byte 24/),
    });
    expect(await journal('cat', NAME, '--from', '25')).toMatchObject({
      code: EXIT.configuration,
      stdout: '',
    });
    await unlink(slotFile(3));
    expect(await journal('cat', NAME)).toMatchObject({
      code: EXIT.dataLoss,
      stdout: 'one\ntwo\n',
      stderr: expect.stringMatching(/^DATA_LOSS: .*from byte 8 to byte 14/),
    });
  });

  test('follows the tail until it is asked to stop', async () => {
    const child = startHoldfast(['journal', 'cat', url, NAME, '--follow', '--from', '19']);
    let seen = '';
    const until = async (wanted: string): Promise<void> => {
      for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
        seen += String(chunk);
        if (seen === wanted) return;
      }
    };
    await until('five\n');
    const session = await open(NAME, 'g1', 3);
    await session.append(utf8('six\n'), { barrier: true }).committed;
    await until('five\nsix\n');
    await session.close();
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, seen }).toEqual({ code: 130, seen: 'five\nsix\n' });
  });

  test('ends quietly when its reader has had enough', async () => {
    const session = await open(NAME, 'g1', 3);
    await session.append(new Uint8Array(4_000_000).fill(65), { barrier: true }).committed;
    await session.close();
    const child = startHoldfast(['journal', 'cat', url, NAME]);
    child.stdout.once('data', () => child.stdout.destroy());
    const [code, stderr] = await Promise.all([
      new Promise((resolve) => child.once('close', resolve)),
      text(child.stderr),
    ]);
    expect({ code, stderr }).toEqual({ code: EXIT.ok, stderr: '' });
  });

  test('gives a slow reader everything', async () => {
    const session = await open(NAME, 'g1', 3);
    const large = systemRandom.bytes(3_000_000);
    await session.append(large, { barrier: true }).committed;
    await session.close();
    const child = startHoldfast(['journal', 'cat', url, NAME, '--from', '24']);
    const parts: Buffer[] = [];
    for await (const part of child.stdout) {
      parts.push(part as Buffer);
      if (parts.length % 16 === 0) await systemClock.sleep(5);
    }
    expect(Buffer.concat(parts).equals(large)).toBe(true);
  });
});

describe('holdfast journal stat', () => {
  test('tells the journal in figures', async () => {
    const { code, stdout } = await journal('stat', NAME);
    expect(code).toBe(EXIT.ok);
    for (const part of [
      'head      byte 24, slot 6',
      '5 data, 2 fence',
      '5, 24 B, mean 5 B, largest 6 B (slot 3)',
      'sessions  2, terms 1 to 2',
      'slot 4 at byte 14: author=va term=2',
      's ago)',
    ])
      expect(stdout).toContain(part);
    expect(stdout).not.toContain('look at');
    const json = JSON.parse((await journal('stat', NAME, '--json')).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({
      journal: NAME,
      generation: 'g1',
      head: 24,
      lastSeq: 6,
      sessions: 2,
      meanBatchBytes: 4.8,
      damaged: 0,
      newestFence: { seq: 4 },
    });
  });
});

describe('holdfast journal verify', () => {
  test('ends with 0 when all is well', async () => {
    const people = await journal('verify', NAME);
    expect(people).toMatchObject({ code: EXIT.ok, stderr: '' });
    expect(people.stdout).toMatch(
      /^CLEAN: slots up to 6, content up to byte 24; 5 data, 2 fence, .*; 0 damage, 0 unverified, 0 warnings\n$/,
    );
    const json = JSON.parse((await journal('verify', NAME, '--json')).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({
      ok: true,
      verdict: 'clean',
      findings: [],
      omitted: 0,
      counts: { damage: 0 },
    });
  });

  test('ends with the code of data loss and names every damaged object', async () => {
    const bytes = await readFile(slotFile(2));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(slotFile(2), bytes);
    await copyFile(slotFile(3), slotFile(5));
    const people = await journal('verify', NAME);
    expect(people.code).toBe(EXIT.dataLoss);
    expect(people.stdout.split('\n').map((line) => line.split(' (')[0])).toEqual([
      'damage payload-checksum: slot 2',
      'damage wrong-slot-number: slot 5',
      expect.stringMatching(/^DAMAGED: .* 2 damage, 0 unverified, 0 warnings/),
      '',
    ]);
    const run = await journal('verify', NAME, '--json');
    expect(run.code).toBe(EXIT.dataLoss);
    expect(JSON.parse(run.stdout)).toMatchObject({
      ok: false,
      verdict: 'damaged',
      findings: [
        {
          kind: 'payload-checksum',
          seq: 2,
          key: `_slots/${NAME}/g1/log/0000000000000002`,
          bytes: { start: 128, end: 132 },
          content: { begin: 4, end: 8 },
        },
        { kind: 'wrong-slot-number', seq: 5, content: { begin: 14, end: 19 } },
      ],
    });
  });

  test('a format of the future is not called well; a lost tail is told to whoever knows where it was', async () => {
    const newer = await readFile(slotFile(6));
    newer[4] = 2;
    await writeFile(slotFile(6), newer);
    expect(await journal('verify', NAME)).toMatchObject({
      code: EXIT.storeRefused,
      stdout: expect.stringContaining('INCOMPLETE'),
    });
    await unlink(slotFile(6));
    expect((await journal('verify', NAME)).code).toBe(EXIT.ok);
    expect(await journal('verify', NAME, '--at-least', '24')).toMatchObject({
      code: EXIT.dataLoss,
      stdout: expect.stringContaining('ends-early'),
    });
  });
});

describe('holdfast journal cost', () => {
  test('estimates a month at a write rate, with prices that can be replaced', async () => {
    const json = async (
      ...args: string[]
    ): Promise<{
      month: { usd: number; lines: { what: string; amount: number; usd: number }[] };
      now: { objects: number };
    }> => JSON.parse((await journal('cost', NAME, '--json', ...args)).stdout) as never;
    const alone = await json('--write-rate', '1k', '--standbys', '0');
    expect(alone.now.objects).toBe(7);
    expect(alone.month.lines.find(({ what }) => what === 'PUT')!.usd).toBeCloseTo(52.6, 1);
    const followed = await json('--write-rate', '1k');
    expect(followed.month.usd).toBeGreaterThan(alone.month.usd);
    const free = await json(
      '--write-rate',
      '1k',
      '--put-price',
      '0',
      '--get-price',
      '0',
      '--storage-price',
      '0',
    );
    expect(free.month.usd).toBe(0);
    const people = await journal(
      'cost',
      NAME,
      '--write-rate',
      '64KiB',
      '--flush-ms',
      '1000',
      '--duty',
      '0.5',
      '--put-price',
      '1',
    );
    expect(people.stdout).toMatch(
      /estimate of a month \(64\.0 KiB\/s in slots every 1000 ms during 50 % of the time, 1 standbys\)/,
    );
    expect(people.stdout).toContain('partly given by you');
  });

  test('takes the real mix of requests from saved metrics', async () => {
    const file = join(dir, 'metrics.txt');
    await writeFile(
      file,
      'process_start_time_seconds 1000000000\nholdfast_store_requests_total{operation="create",outcome="created"} 3600\nholdfast_store_requests_total{operation="get",outcome="absent"} 7200\n',
    );
    await utimes(file, 1_000_003_600, 1_000_003_600);
    const { stdout } = await journal('cost', NAME, '--metrics', file, '--metrics', file, '--json');
    const report = JSON.parse(stdout) as { month: { lines: { what: string; amount: number }[] } };
    const month = (365.25 / 12) * 86_400;
    expect(report.month.lines.find(({ what }) => what === 'PUT')!.amount).toBeCloseTo(2 * month, 0);
    expect(report.month.lines.find(({ what }) => what === 'GET')!.amount).toBeCloseTo(4 * month, 0);
  });

  test('a wrong flag is refused with a sentence that helps', async () => {
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [[], 'WRITE_RATE_UNKNOWN'],
      [['--metrics', '/does/not/exist'], 'METRICS_UNUSABLE'],
      [['--write-rate', 'much'], 'Give bytes as'],
      [['--write-rate', '1', '--duty', '2'], 'between 0 and 1'],
      [['--write-rate', '1', '--prices', 'free'], 'Allowed choices'],
    ];
    const runs = await Promise.all(wrong.map(([args]) => journal('cost', NAME, ...args)));
    for (const [at, [, sentence]] of wrong.entries())
      expect(runs[at]).toMatchObject({
        code: EXIT.configuration,
        stderr: expect.stringContaining(sentence),
      });
  });
});

describe('a compacted journal', () => {
  test('reads, counts, lists and verifies as one piece', async () => {
    const store = openStore(url);
    const name = 'compacted/log';
    const built = new BuiltJournal(seededRandom(1)).fence().data('one\n').data('two\n').checkpoint();
    built.data('three\n').reclaim();
    await putObjects(store, built.objects({ store, name, generation: 'g1' }));
    const [cat, ls, stat, verified, cost] = await Promise.all([
      journal('cat', name, '--from', '2'),
      journal('ls', name),
      journal('stat', name, '--json'),
      journal('verify', name),
      journal('cost', name, '--json', '--write-rate', '1k'),
    ]);
    expect(cat).toEqual({ code: EXIT.ok, stdout: 'e\ntwo\nthree\n', stderr: '' });
    expect(ls.stdout).toMatch(/ 1-2 {2}reclaimed\n +3 {2}checkpoint .*\n +4 {2}data /);
    expect(JSON.parse(stat.stdout)).toMatchObject({
      head: 14,
      absent: 0,
      compacted: { checkpoint: 3, floor: 3, contentBytes: 8, fragments: 1, fragmentBytes: 8, prunedBytes: 0 },
    });
    expect(verified).toMatchObject({
      code: EXIT.ok,
      stdout: expect.stringMatching(/^CLEAN: .* 1 fragments/),
    });
    expect((JSON.parse(cost.stdout) as { now: { objects: number } }).now.objects).toBe(4);
  });

  test('that lost a fragment says which', async () => {
    const store = openStore(url);
    const name = 'compacted/log';
    const built = new BuiltJournal(seededRandom(1)).fence().data('one\n').checkpoint().reclaim();
    const objects = built.objects({ store, name, generation: 'g1' });
    const fragment = [...objects.keys()].find((key) => key.startsWith(`${name}/`))!;
    objects.delete(fragment);
    await putObjects(store, objects);
    const [verified, cat] = await Promise.all([journal('verify', name), journal('cat', name)]);
    expect(verified).toMatchObject({
      code: EXIT.dataLoss,
      stdout: expect.stringContaining(`damage missing-fragment: fragment (${fragment}, content from 0 to 4)`),
    });
    expect(cat).toMatchObject({
      code: EXIT.dataLoss,
      stdout: '',
      stderr: expect.stringContaining('DATA_LOSS'),
    });
  });
});

describe('every journal command', () => {
  test('says in one line that there is no such journal, and which there are', async () => {
    const commands = ['ls', 'cat', 'stat', 'verify', 'cost'];
    for (const wrong of await Promise.all(commands.map((command) => journal(command, 'ordres/log')))) {
      expect(wrong).toMatchObject({ code: EXIT.configuration, stdout: '' });
      expect(wrong.stderr).toMatch(
        /^JOURNAL_NOT_FOUND: No journal "ordres\/log" in file:.*There are: orders\/log\.\n$/,
      );
    }
  });

  test('tells what is wrong as JSON when JSON was asked for', async () => {
    const { code, stdout, stderr } = await journal('stat', 'ordres/log', '--json');
    expect({ code, stderr }).toEqual({ code: EXIT.configuration, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'JOURNAL_NOT_FOUND' } });
  });

  test('tells a missing bucket from a missing journal, and a name that is none', async () => {
    const lost = await holdfast(['journal', 'verify', 'file:///does/not/exist', NAME]);
    expect(lost).toMatchObject({
      code: EXIT.storeRefused,
      stderr: expect.stringMatching(/^STORE_NO_BUCKET: .*\n$/),
    });
    expect(await journal('verify', 'a//b')).toMatchObject({
      code: EXIT.configuration,
      stderr: expect.stringContaining('JOURNAL_NAME_INVALID'),
    });
  });

  test('leaves the store as it was', async () => {
    const before = await readdir(dir, { recursive: true });
    for (const command of ['cat', 'verify']) await journal(command, NAME);
    expect(await readdir(dir, { recursive: true })).toEqual(before);
  });
});
