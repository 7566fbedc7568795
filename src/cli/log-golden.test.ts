/**
 * Whole logs that Gazette's Go code recorded, as plain bytes through the command line: the files that its own player made of them.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { fromHex } from '../base/index.ts';
import { holdfast } from './testing/index.ts';

interface Playback {
  readonly hints: string;
  readonly mode: string;
  readonly error?: string;
  readonly files?: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  readonly nextSeqNo: string;
  readonly nextChecksum: number;
  readonly logEndAtStart: Readonly<Record<string, number>>;
}

interface Golden {
  readonly scenario: { readonly playbacks: readonly Playback[] };
  readonly journals: Readonly<Record<string, string>>;
  readonly hints: Readonly<Record<string, { readonly json: string; readonly pbHex: string }>>;
}

const FOLDER = new URL('../../e2e/golden/recoverylog/', import.meta.url);
const names = readdirSync(FOLDER)
  .filter((file) => file.startsWith('log-'))
  .map((file) => file.slice('log-'.length, -'.json.gz'.length));

const dir = mkdtempSync(join(tmpdir(), 'holdfast-golden-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function load(name: string): Golden {
  const zipped = readFileSync(new URL(`log-${name}.json.gz`, FOLDER));
  return JSON.parse(gunzipSync(zipped).toString('utf8')) as Golden;
}

/** The bytes that a playback saw, in files: the log of its hints first. */
function rawFiles(name: string, { journals, hints }: Golden, playback: Playback): string[] {
  const { log } = JSON.parse(hints[playback.hints]!.json) as { log: string };
  const files = Object.entries(journals).map(([journal, content], i) => {
    const file = join(dir, `${name}-${i}.log`);
    const end = playback.logEndAtStart[journal] ?? Number.POSITIVE_INFINITY;
    writeFileSync(file, Buffer.from(content, 'base64').subarray(0, end));
    return { journal, file };
  });
  const own = files.find(({ journal }) => journal === log) ?? files[0]!;
  const others = files.filter((each) => each !== own);
  return [own.file, ...others.map(({ journal, file }) => `${journal}=${file}`)].flatMap((file) => [
    '--raw',
    file,
  ]);
}

async function play(
  name: string,
  golden: Golden,
  playback: Playback,
  form: 'json' | 'pb',
): Promise<{
  readonly code: number;
  readonly printed: Record<string, unknown>;
  readonly left: readonly string[];
}> {
  const hintsFile = join(dir, `${name}.hints`);
  const stored = golden.hints[playback.hints]!;
  writeFileSync(hintsFile, form === 'json' ? stored.json : fromHex(stored.pbHex));
  const out = mkdtempSync(join(dir, 'out-'));
  const args = ['--hints', hintsFile, '--out', out, '--json'];
  const { code, stdout } = await holdfast(['log', 'play', ...rawFiles(name, golden, playback), ...args]);
  return { code, printed: JSON.parse(stdout) as Record<string, unknown>, left: readdirSync(out) };
}

const FLAWS = ['flaw-path-escape', 'flaw-phantom-file', 'flaw-stale-property'];
/** Hints in the two forms take turns; one playback a scenario has a process of its own, all of them are in recoverylog/golden-logs.test.ts. */
const FORMS = ['json', 'pb'] as const;

describe('holdfast log play --raw gives the files of the Go player', () => {
  test.each(names.filter((name) => !FLAWS.includes(name)))('%s', async (name) => {
    const golden = load(name);
    const usable = golden.scenario.playbacks.filter(
      ({ hints, mode, error }) =>
        hints in golden.hints && mode === 'finishAtWriteHead' && error === undefined,
    );
    const playback = usable.at(-1)!;
    const { code, printed } = await play(name, golden, playback, FORMS[names.indexOf(name) % 2]!);
    const files = playback.files!.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
    files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    const { nextSeqNo, nextChecksum } = playback;
    expect({ code, printed }).toEqual({
      code: EXIT.ok,
      printed: { files, nextSeqNo: Number(nextSeqNo), nextChecksum },
    });
  });

  test('what Go refuses ends with a code, and nothing is left', async () => {
    const golden = load('bad-hints');
    const refused = {
      'segment-beyond-head': { code: EXIT.dataLoss, error: 'HISTORY_LOST' },
      'fnode-mismatch': { code: EXIT.configuration, error: 'HINTS_INVALID' },
    };
    for (const [hints, wanted] of Object.entries(refused)) {
      const playback = golden.scenario.playbacks.find((each) => each.hints === hints)!;
      expect(playback.error).toBeDefined();
      const { code, printed, left } = await play('bad-hints', golden, playback, 'json');
      expect({ hints, code, left, printed }).toEqual({
        hints,
        code: wanted.code,
        left: [],
        printed: { ok: false, error: { code: wanted.error, message: expect.any(String) } },
      });
    }
  });

  test('a path that leads out of the directory ends the restore, and nothing is left', async () => {
    const golden = load('flaw-path-escape');
    const playback = golden.scenario.playbacks.find(({ hints }) => hints in golden.hints)!;
    const { code, printed, left } = await play('flaw-path-escape', golden, playback, 'json');
    expect({ code, left }).toEqual({ code: EXIT.dataLoss, left: [] });
    expect(printed).toMatchObject({ error: { code: 'REPLAY_FAILED' } });
  });
});
