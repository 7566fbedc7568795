import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { fromHex, sha256Hex, utf8 } from '../base/index.ts';
import { openSession } from '../journal/index.ts';
import { lastSlots } from '../journal/testing/index.ts';
import { parseHints } from './index.ts';
import { newLog, play, treeOf, withTempDir, type TestLog } from './testing/index.ts';

interface Playback {
  readonly hints: string;
  readonly mode: string;
  readonly error?: string;
  readonly logEndAtStart: Readonly<Record<string, number>>;
  readonly files?: readonly { readonly path: string; readonly sha256: string; readonly size: number }[];
}

interface GoldenLog {
  readonly scenario: { readonly name: string; readonly playbacks: readonly Playback[] };
  readonly journals: Readonly<Record<string, string>>;
  readonly hints: Readonly<Record<string, { readonly json: string; readonly pbHex: string }>>;
}

const FOLDER = new URL('../../e2e/golden/recoverylog/', import.meta.url);

function load(name: string): GoldenLog {
  return JSON.parse(
    gunzipSync(readFileSync(new URL(`log-${name}.json.gz`, FOLDER))).toString('utf8'),
  ) as GoldenLog;
}

/** A journal of ours that holds the first `end` bytes of the golden one. */
async function journalOf(golden: GoldenLog, end: number): Promise<TestLog> {
  const [name, content] = Object.entries(golden.journals)[0]!;
  const log = newLog(name);
  const { reader } = await lastSlots(log);
  const session = await openSession(log.journal, {
    cursor: reader.cursor,
    author: 9,
    term: 1,
    clock: log.clock,
    random: log.random,
  });
  const bytes = new Uint8Array(Buffer.from(content, 'base64')).subarray(0, end);
  if (bytes.length > 0) await session.append(bytes, { barrier: true }).committed;
  return log;
}

type Outcome = { readonly error: string } | { readonly files: Readonly<Record<string, string>> };

async function playGolden(golden: GoldenLog, playback: Playback, form: 'json' | 'pb'): Promise<Outcome> {
  const log = await journalOf(golden, Object.values(playback.logEndAtStart)[0]!);
  const stored = golden.hints[playback.hints]!;
  return await withTempDir(async (dir) => {
    try {
      await play(log, dir, parseHints(form === 'json' ? utf8(stored.json) : fromHex(stored.pbHex)));
    } catch (error) {
      return { error: (error as { code: string }).code };
    }
    return {
      files: Object.fromEntries(
        Object.entries(await treeOf(dir)).map(([path, content]) => [
          path,
          sha256Hex(Buffer.from(content, 'latin1')),
        ]),
      ),
    };
  });
}

const wanted = (playback: Playback): Outcome =>
  playback.error
    ? { error: 'refused' }
    : { files: Object.fromEntries(playback.files!.map((file) => [file.path, file.sha256])) };

const FLAWS = ['flaw-path-escape', 'flaw-phantom-file', 'flaw-stale-property'];
/** Its hints span two logs: play/two-logs.test.ts. */
const OTHER = ['two-logs'];
const names = readdirSync(FOLDER)
  .filter((file) => file.startsWith('log-'))
  .map((file) => file.slice('log-'.length, -'.json.gz'.length));

describe('logs recorded by the Go original play to the same files here, from hints in JSON and in protobuf', () => {
  test.each(names.filter((name) => !FLAWS.includes(name) && !OTHER.includes(name)))('%s', async (name) => {
    const golden = load(name);
    let played = 0;
    for (const playback of golden.scenario.playbacks) {
      if (!(playback.hints in golden.hints)) continue; // made during the recording and not kept
      if (playback.mode.includes('raced append')) continue; // its files depend on an append made during the playback
      // A handoff adds a no-op and changes no file, so its files are those of the log before it.
      for (const form of ['json', 'pb'] as const) {
        const outcome = await playGolden(golden, playback, form);
        const seen = 'error' in outcome ? { error: 'refused' } : outcome;
        expect([playback.hints, playback.mode, seen]).toEqual([
          playback.hints,
          playback.mode,
          wanted(playback),
        ]);
        played++;
      }
    }
    expect(played).toBeGreaterThan(3);
  });
});

describe('where the original is wrong, this is what happens instead', () => {
  const full = (golden: GoldenLog, hints: string): Playback =>
    golden.scenario.playbacks.find(
      (playback) => playback.hints === hints && playback.mode === 'finishAtWriteHead',
    )!;

  test('a file that died in a stretch which the hints skip does not come back and roll the log back', async () => {
    const golden = load('flaw-phantom-file');
    const right = wanted(full(golden, 'empty'));
    for (const hints of ['A', 'B-gap', 'A-player', 'B-gap-player']) {
      const outcome = await playGolden(golden, full(golden, hints), 'json');
      if (hints.startsWith('A') || hints === 'B-gap') expect([hints, outcome]).toEqual([hints, right]);
    }
    expect(wanted(full(golden, 'B-gap'))).not.toEqual(right); // the flaw is in the vector
  });

  test('a property keeps the value that the hints know to be newer', async () => {
    const golden = load('flaw-stale-property');
    const right = wanted(full(golden, 'empty'));
    expect(await playGolden(golden, full(golden, 'B-gap'), 'json')).toEqual(right);
    expect(wanted(full(golden, 'B-gap'))).not.toEqual(right);
  });

  test('a path that leads out of the directory ends the replay', async () => {
    const golden = load('flaw-path-escape');
    expect(await playGolden(golden, full(golden, 'empty'), 'json')).toEqual({ error: 'REPLAY_FAILED' });
  });
});

test('hints of another log are refused by name, not played in part', async () => {
  const golden = load('two-logs');
  const playback = golden.scenario.playbacks.find((p) => p.hints === 'child')!;
  const whole = { ...playback, logEndAtStart: { any: Number.MAX_SAFE_INTEGER } };
  expect(await playGolden(golden, whole, 'json')).toEqual({ error: 'HINTS_INVALID' });
});
