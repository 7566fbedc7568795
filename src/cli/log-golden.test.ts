/**
 * Whole logs that Gazette's Go code recorded, as plain bytes through the command line: the files that its own player made of them.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { goldenScenario, goldenScenarios } from '../../e2e/vectors/golden.ts';
import type { Playback, PlayedPlayback, Scenario } from '../../e2e/vectors/logs/scenario.ts';
import { EXIT } from '../api/index.ts';
import { fromUtf8 } from '../base/index.ts';
import { holdfast } from './testing/index.ts';

const names = await goldenScenarios();

const dir = mkdtempSync(join(tmpdir(), 'holdfast-golden-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The bytes that a playback saw, in files: the log of its hints first. */
function rawFiles(name: string, { journals, hints }: Scenario, playback: Playback): string[] {
  const { log } = JSON.parse(fromUtf8(hints.get(playback.hints)!.json)) as { log: string };
  const files = journals.map(({ name: journal, content }, i) => {
    const file = join(dir, `${name}-${i}.log`);
    const end = playback.logEndAtStart[journal] ?? Number.POSITIVE_INFINITY;
    writeFileSync(file, content.subarray(0, end));
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
  golden: Scenario,
  playback: Playback,
  form: 'json' | 'pb',
): Promise<{
  readonly code: number;
  readonly printed: Record<string, unknown>;
  readonly left: readonly string[];
}> {
  const hintsFile = join(dir, `${name}.hints`);
  writeFileSync(hintsFile, golden.hints.get(playback.hints)![form]);
  const out = mkdtempSync(join(dir, 'out-'));
  const args = ['--hints', hintsFile, '--out', out, '--json'];
  const { code, stdout } = await holdfast(['log', 'play', ...rawFiles(name, golden, playback), ...args]);
  return { code, printed: JSON.parse(stdout) as Record<string, unknown>, left: readdirSync(out) };
}

const FLAWS = ['flaw-path-escape', 'flaw-phantom-file', 'flaw-stale-property'];
/** Hints in the two forms take turns; one playback a scenario has a process of its own, all of them are run by e2e/vectors. */
const FORMS = ['json', 'pb'] as const;

describe('holdfast log play --raw gives the files of the Go player', () => {
  test.each(names.filter((name) => !FLAWS.includes(name)))('%s', async (name) => {
    const golden = await goldenScenario(name);
    const usable = golden.playbacks.filter(
      (each): each is PlayedPlayback =>
        golden.hints.has(each.hints) && each.mode === 'finishAtWriteHead' && each.error === undefined,
    );
    const playback = usable.at(-1)!;
    const { code, printed } = await play(name, golden, playback, FORMS[names.indexOf(name) % 2]!);
    const files = playback.files.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
    files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    const { nextSeqNo, nextChecksum } = playback;
    expect({ code, printed }).toEqual({
      code: EXIT.ok,
      printed: { files, nextSeqNo: Number(nextSeqNo), nextChecksum },
    });
  });

  test('what Go refuses ends with a code, and nothing is left', async () => {
    const golden = await goldenScenario('bad-hints');
    const refused = {
      'segment-beyond-head': { code: EXIT.dataLoss, error: 'HISTORY_LOST' },
      'fnode-mismatch': { code: EXIT.configuration, error: 'HINTS_INVALID' },
    };
    for (const [hints, wanted] of Object.entries(refused)) {
      const playback = golden.playbacks.find((each) => each.hints === hints)!;
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
    const golden = await goldenScenario('flaw-path-escape');
    const playback = golden.playbacks.find(({ hints }) => golden.hints.has(hints))!;
    const { code, printed, left } = await play('flaw-path-escape', golden, playback, 'json');
    expect({ code, left }).toEqual({ code: EXIT.dataLoss, left: [] });
    expect(printed).toMatchObject({ error: { code: 'REPLAY_FAILED' } });
  });
});
