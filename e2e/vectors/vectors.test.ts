import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { CATEGORIES } from './categories.ts';
import { describe as lines, runVectors, type Outcome } from './run.ts';

/** Hundreds of playbacks, each with its fsyncs, on a disk that may be busy. */
const LIMIT_MS = 300_000;
const GOLDEN = join(import.meta.dirname, '..', 'golden');

describe('every vector of the original passes', () => {
  test.each(CATEGORIES.map((category) => [category.name, category] as const))(
    '%s',
    async (name, category) => {
      const outcomes: Outcome[] = [];
      for await (const outcome of runVectors(GOLDEN, [category])) outcomes.push(outcome);
      const [{ tally }] = outcomes as [Outcome];
      expect(outcomes.filter(() => tally.failed > 0).map(lines)).toEqual([]);
      expect(tally.passed).toBeGreaterThan(0);
      if (name !== 'logs playbacks') return;
      const reasons = [...tally.differences.keys()].join('\n'); // the flaws of the original are among them, and were met
      for (const flaw of [/^phantom file/m, /^stale property in the original/m, /^path that leads out/m])
        expect(reasons).toMatch(flaw);
    },
    LIMIT_MS,
  );
});

/** A file of each category, and how to change what the original said in it. */
const LOG = 'logs/two-logs';
const MUTANTS: readonly (readonly [category: string, file: string, from: RegExp, to: string])[] = [
  ['frames', 'frames/frames.jsonl', /"crcAfter":\d/, '"crcAfter":10'],
  ['frames', 'frames/frames.jsonl', /"path":"\//, '"path":"/+'],
  ['payload-decode', 'frames/payload-decode.jsonl', /"seqNo":"5"/, '"seqNo":"6"'],
  ['payload-decode', 'frames/payload-decode.jsonl', /"ok":false/, '"ok":true'],
  ['stream-decode', 'frames/stream-decode.jsonl', /"kind":"desync","len":3/, '"kind":"desync","len":4'],
  ['fsm', 'fsm/fsm.jsonl', /"digest":"[0-9a-f]{4}/, '"digest":"0000'],
  ['fsm', 'fsm/fsm.jsonl', /"ErrWrongSeqNo"/, '"ErrLinkExists"'],
  ['buildhints', 'fsm/buildhints.jsonl', /"first_offset":\d/, '"first_offset":99'],
  ['buildhints', 'fsm/buildhints.jsonl', /"node \d/, '"node 77'],
  ['segmentset-add', 'segments/segmentset-add.jsonl', /("after":\[\{[^}]*"lastSeqNo":")\d/, '$199'],
  ['segmentset-add', 'segments/segmentset-add.jsonl', /"expected Segment Author/, '"expected Segment Log'],
  ['segmentset-intersect', 'segments/segmentset-intersect.jsonl', /"indices":\[\d/, '"indices":[5'],
  ['hints-live-segments', 'segments/hints-live-segments.jsonl', /"fnodes":\["\d/, '"fnodes":["99'],
  ['hints-live-segments', 'segments/hints-live-segments.jsonl', /"nextSeqNo":"\d/, '"nextSeqNo":"99'],
  [
    'hints-decode',
    'segments/hints-decode.jsonl',
    /"decoded":\{"json":\{"log":"a/,
    '"decoded":{"json":{"log":"b',
  ],
  [
    'hints-decode',
    'segments/hints-decode.jsonl',
    /"decodeError":"[^"]*"/,
    '"decoded":{"json":{},"pbHex":""}',
  ],
  ['fragments naming', 'fragments/naming.jsonl', /"contentName":"0{16}/, '"contentName":"1000000000000000'],
  ['fragments naming', 'fragments/naming.jsonl', /"sumParts":\["\d/, '"sumParts":["9'],
  ['fragments parse', 'fragments/parse.jsonl', /"codec":1/, '"codec":2'],
  [
    'fragments store-path-rewrite',
    'fragments/store-path-rewrite.jsonl',
    /"result":"\/root/,
    '"result":"/other',
  ],
  ['fragments author-fence', 'fragments/author-fence.jsonl', /"value":"16i"/, '"value":"16j"'],
  ['fragments codecs', 'fragments/codecs/index.jsonl', /"sha1":"[0-9a-f]{4}/, '"sha1":"0000'],
  ['logs operations', `${LOG}/journal-0.ops.jsonl`, /"checksum":\d/, '"checksum":10'],
  ['logs operations', `${LOG}/scenario.json`, /"sha256": "[0-9a-f]{4}/, '"sha256": "0000'],
  ['logs playbacks', `${LOG}/scenario.json`, /"digest": "[0-9a-f]{4}/, '"digest": "0000'],
  ['logs playbacks', `${LOG}/scenario.json`, /"size": 8\b/, '"size": 9'],
  ['logs playbacks', `${LOG}/scenario.json`, /663393360c000000/, '663393360c00000f'],
  ['logs playbacks', `${LOG}/hints/child.json`, /"first_seq_no":\d/, '"first_seq_no":9'],
];

/** Rows of a copy: a mutant is found among the first as well as among all. */
const ROWS = 300;

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return gunzipSync(await readFile(`${path}.gz`)).toString('utf8');
  }
}

/** Runs a category on a copy of the beginning of what it reads, in which `change` has its way with one file. */
async function failuresAfter(
  name: string,
  file: string,
  change: (path: string, text: string) => Promise<void>,
): Promise<number> {
  const category = CATEGORIES.find((each) => each.name === name)!;
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
  try {
    const part = file.startsWith(LOG) ? LOG : dirname(file);
    await cp(join(GOLDEN, part), join(dir, part), { recursive: true });
    for (const entry of await readdir(join(dir, part))) {
      if (!/\.jsonl(?:\.gz)?$/.test(entry)) continue;
      const path = join(dir, part, entry.replace(/\.gz$/, ''));
      const lines = (await textOf(path)).split('\n');
      await rm(join(dir, part, entry));
      await writeFile(path, `${lines.slice(0, ROWS).join('\n')}${lines.length > ROWS ? '\n' : ''}`);
    }
    const path = join(dir, file);
    const text = await textOf(path);
    await rm(`${path}.gz`, { force: true });
    await writeFile(path, text);
    await change(path, text);
    for await (const { tally } of runVectors(dir, [category])) return tally.failed;
    return 0;
  } finally {
    await rm(dir, { recursive: true });
  }
}

describe('a vector that is not what the original said fails', () => {
  test('there is a mutant of every category', () => {
    expect([...new Set(MUTANTS.map(([name]) => name))]).toEqual(CATEGORIES.map(({ name }) => name));
  });

  test.each(MUTANTS)('%s: %s with %s', async (name, file, from, to) => {
    const failed = await failuresAfter(name, file, async (path, text) => {
      expect(text).toMatch(from);
      await writeFile(path, text.replace(from, to));
    });
    expect(failed).toBeGreaterThan(0);
  });
});

const FILES = new Map(MUTANTS.map(([name, file]) => [name, file]));

test.each([...FILES])('%s: a file that is gone, or ends in half a line, fails', async (name, file) => {
  expect(await failuresAfter(name, file, (path) => rm(path))).toBeGreaterThan(0);
  const cut = (path: string, text: string): Promise<void> => writeFile(path, text.slice(0, -9));
  expect(await failuresAfter(name, file, cut)).toBeGreaterThan(0);
});

test('a directory without logs has no vector of them, and says so', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
  const logs = CATEGORIES.filter(({ name }) => name.startsWith('logs'));
  for await (const outcome of runVectors(dir, logs))
    expect(lines(outcome)).toMatch(/ 0 passed {4}0 failed {2}no vector$/);
  await rm(dir, { recursive: true });
});
