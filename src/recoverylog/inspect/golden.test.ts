/**
 * Looking into logs that Gazette's Go code recorded: what is told of them, and that playing without files comes to the state that Go came to.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { fromHex, systemClock, systemRandom, toHex, utf8 } from '../../base/index.ts';
import { plainJournal, plainStore, type Journal } from '../../journal/index.ts';
import { encodeHintsProtobuf } from '../format/hints-protobuf.ts';
import { parseHints } from '../format/hints.ts';
import { LogCheck } from './check.ts';
import type { LogFinding } from './finding.ts';
import { replay } from './replay.ts';
import { scanLog } from './scan.ts';

interface Golden {
  readonly scenario: {
    readonly playbacks: readonly {
      readonly hints: string;
      readonly mode: string;
      readonly error?: string;
      readonly nextSeqNo: string;
      readonly nextChecksum: number;
      readonly files?: readonly { readonly path: string; readonly property?: boolean }[];
      readonly logEndAtStart: Readonly<Record<string, number>>;
    }[];
  };
  readonly journals: Readonly<Record<string, string>>;
  readonly hints: Readonly<Record<string, { readonly json: string; readonly pbHex: string }>>;
}

const ports = { clock: systemClock, random: systemRandom };
const FOLDER = new URL('../../../e2e/golden/recoverylog/', import.meta.url);
const names = readdirSync(FOLDER)
  .filter((file) => file.startsWith('log-'))
  .map((file) => file.slice('log-'.length, -'.json.gz'.length));

function load(name: string): Golden {
  const zipped = readFileSync(new URL(`log-${name}.json.gz`, FOLDER));
  return JSON.parse(gunzipSync(zipped).toString('utf8')) as Golden;
}

/** How a log of the scenario is opened, as it was when `ends` was noted. */
function opener(
  { journals }: Golden,
  ends: Readonly<Record<string, number>> = {},
): (name: string) => Journal {
  const contents = new Map(
    Object.entries(journals).map(([name, content]) => {
      const bytes = new Uint8Array(Buffer.from(content, 'base64')).subarray(0, ends[name]);
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
    const golden = load(name);
    const found = await findingsOf(opener(golden)(Object.keys(golden.journals)[0]!));
    expect(kinds(found, 'problem')).toEqual(PROBLEMS[name] ?? []);
    expect(kinds(found, 'warning')).toEqual(WARNINGS[name] ?? []);
  });

  test('a log that continues another one is told as such', async () => {
    const golden = load('two-logs');
    const found = await findingsOf(opener(golden)(Object.keys(golden.journals)[1]!));
    expect([kinds(found, 'problem'), kinds(found, 'warning')]).toEqual([[], ['begins-elsewhere']]);
  });
});

describe('playing without files comes to the state of the Go player, or refuses what it refuses', () => {
  const FLAWS = ['flaw-path-escape', 'flaw-phantom-file', 'flaw-stale-property'];

  test.each(names.filter((name) => !FLAWS.includes(name)))('%s', async (name) => {
    const golden = load(name);
    let played = 0;
    for (const playback of golden.scenario.playbacks) {
      const stored = golden.hints[playback.hints];
      if (!stored || playback.mode !== 'finishAtWriteHead') continue;
      const openLog = opener(golden, playback.logEndAtStart);
      const state = async (): Promise<unknown> => {
        const hints = parseHints(utf8(stored.json));
        const { fsm } = await replay({ ...ports, journal: openLog(hints.log), hints, openLog });
        const paths = [...fsm.links.keys(), ...fsm.properties.keys()].sort();
        return { nextSeqNo: String(fsm.nextSeqNo), nextChecksum: fsm.nextChecksum, paths };
      };
      const seen = await state().catch(() => 'refused');
      const { nextSeqNo, nextChecksum, files } = playback;
      const wanted = { nextSeqNo, nextChecksum, paths: files?.map(({ path }) => path).sort() };
      expect([playback.hints, seen]).toEqual([
        playback.hints,
        playback.error === undefined ? wanted : 'refused',
      ]);
      played++;
    }
    expect(played).toBeGreaterThan(0);
  });
});

test('hints in protobuf are the bytes that Go writes', () => {
  let compared = 0;
  for (const name of names)
    for (const { json, pbHex } of Object.values(load(name).hints)) {
      try {
        parseHints(fromHex(pbHex));
      } catch {
        continue; // damaged on purpose
      }
      expect(toHex(encodeHintsProtobuf(parseHints(utf8(json))))).toBe(pbHex);
      compared++;
    }
  expect(compared).toBeGreaterThan(100);
});
