/**
 * Looking into logs that Gazette's Go code recorded: what is told of them, and that playing without files comes to the state that Go came to.
 */
import { describe, expect, test } from '@jest/globals';
import { goldenScenario, goldenScenarios } from '../../../e2e/vectors/golden.ts';
import type { Playback, Scenario } from '../../../e2e/vectors/logs/scenario.ts';
import { systemClock, systemRandom, toHex } from '../../base/index.ts';
import { plainJournal, plainStore, type Journal } from '../../journal/index.ts';
import { encodeHintsProtobuf } from '../format/hints-protobuf.ts';
import { parseHints } from '../format/hints.ts';
import { LogCheck } from './check.ts';
import type { LogFinding } from './finding.ts';
import { replay } from './replay.ts';
import { scanLog } from './scan.ts';

const ports = { clock: systemClock, random: systemRandom };
const names = await goldenScenarios();

/** How a log of the scenario is opened, as it was when `ends` was noted. */
function opener(
  { journals }: Scenario,
  ends: Readonly<Record<string, number>> = {},
): (name: string) => Journal {
  const contents = new Map(
    journals.map(({ name, content }) => {
      const bytes = content.subarray(0, ends[name]);
      const read = async (offset: number, length: number): Promise<Uint8Array> =>
        bytes.slice(offset, offset + length);
      return [name, { size: bytes.length, read }];
    }),
  );
  const store = plainStore('raw:golden', contents);
  return (name) => plainJournal(store, name);
}

async function findingsOf(journal: Journal): Promise<readonly LogFinding[]> {
  const check = new LogCheck(journal.name);
  const found: LogFinding[] = [];
  for await (const item of scanLog(journal, 0, ports)) found.push(...check.take(item));
  return found;
}

const kinds = (found: readonly LogFinding[], severity: LogFinding['severity']): string[] =>
  [...new Set(found.filter((finding) => finding.severity === severity).map(({ kind }) => kind))].sort();

describe('what is told of whole logs', () => {
  /** The logs in which a player stops; in the others there is at most what players pass over rightly. */
  const PROBLEMS: Readonly<Record<string, readonly string[]>> = {
    'flaw-path-escape': ['bad-path'],
    'undecodable-frame': ['damaged-frame'],
  };
  const WARNINGS: Readonly<Record<string, readonly string[]>> = {
    'foreign-writers': ['overtaken-author'],
    'garbage-and-duplicates': ['desync'],
    'handoff-fence': ['overtaken-author'],
  };

  test.each(names)('%s', async (name) => {
    const golden = await goldenScenario(name);
    const found = await findingsOf(opener(golden)(golden.journals[0]!.name));
    expect(kinds(found, 'problem')).toEqual(PROBLEMS[name] ?? []);
    expect(kinds(found, 'warning')).toEqual(WARNINGS[name] ?? []);
  });

  test('a log that continues another one is told as such', async () => {
    const golden = await goldenScenario('two-logs');
    const found = await findingsOf(opener(golden)(golden.journals[1]!.name));
    expect([kinds(found, 'problem'), kinds(found, 'warning')]).toEqual([[], ['begins-elsewhere']]);
  });
});

function wanted(playback: Playback): unknown {
  if (playback.error !== undefined) return 'refused';
  const { nextSeqNo, nextChecksum, files } = playback;
  return { nextSeqNo, nextChecksum, paths: files.map(({ path }) => path).sort() };
}

describe('playing without files comes to the state of the Go player, or refuses what it refuses', () => {
  const FLAWS = ['flaw-path-escape', 'flaw-phantom-file', 'flaw-stale-property'];

  test.each(names.filter((name) => !FLAWS.includes(name)))('%s', async (name) => {
    const golden = await goldenScenario(name);
    let played = 0;
    for (const playback of golden.playbacks) {
      const stored = golden.hints.get(playback.hints);
      if (!stored || playback.mode !== 'finishAtWriteHead') continue;
      const openLog = opener(golden, playback.logEndAtStart);
      const state = async (): Promise<unknown> => {
        const hints = parseHints(stored.json);
        const { fsm } = await replay({ ...ports, journal: openLog(hints.log), hints, openLog });
        const paths = [...fsm.links.keys(), ...fsm.properties.keys()].sort();
        return { nextSeqNo: BigInt(fsm.nextSeqNo), nextChecksum: fsm.nextChecksum, paths };
      };
      const seen = await state().catch(() => 'refused');
      expect([playback.hints, seen]).toEqual([playback.hints, wanted(playback)]);
      played++;
    }
    expect(played).toBeGreaterThan(0);
  });
});

test('hints in protobuf are the bytes that Go writes', async () => {
  let compared = 0;
  for (const name of names)
    for (const { json, pb } of (await goldenScenario(name)).hints.values()) {
      try {
        parseHints(pb);
      } catch {
        continue; // damaged on purpose
      }
      expect(toHex(encodeHintsProtobuf(parseHints(json)))).toBe(toHex(pb));
      compared++;
    }
  expect(compared).toBeGreaterThan(100);
});
