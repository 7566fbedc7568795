/**
 * logs/<scenario>: every playback, from its hints in JSON and in protobuf, each a vector.
 */
import { concatBytes, toHex, utf8 } from '../../../src/base/index.ts';
import { encodeHintsJson, FrameReader, parseHints } from '../../../src/recoverylog/testing/index.ts';
import type { Category } from '../category.ts';
import { digestOf, propertyLines, stateLines } from '../state.ts';
import { same, type Tally } from '../tally.ts';
import { newestProperties, original, STALE_HINTS, wholeLog, type Expected } from './expected.ts';
import { inOrder, play, type Asked, type Played } from './play.ts';
import { recordedHere } from './recorded-here.ts';
import { loadOrFail, type Playback, type PlayedPlayback, type Scenario } from './scenario.ts';

const FLAW = 'flaw-';

/** What others appended while the player took over, and the no-op that its handoff ends with. */
interface Appended {
  readonly raced: Uint8Array;
  readonly noop: Uint8Array;
}

/** Of the frames that a handoff of the original left behind, the last is the no-op; those before are of others, or its own that came too late. */
function appendedBy(playback: PlayedPlayback, log: string): Appended | undefined {
  const bytes = playback.appendedHex?.[log];
  if (playback.author === undefined) return undefined;
  if (!bytes) throw new Error(`a handoff of ${log} that appended nothing`);
  const reader = new FrameReader(log, 0);
  reader.push(bytes);
  let at = 0;
  for (let frame = reader.next(); frame; frame = reader.next()) at = frame.firstOffset;
  return { raced: bytes.subarray(0, at), noop: bytes.subarray(at) };
}

/** The journal that the hints are of. */
function logOf(scenario: Scenario, playback: Playback): string {
  if (playback.error === undefined) return playback.lastLog;
  try {
    return parseHints(scenario.hints.get(playback.hints)!.pb).log;
  } catch {
    return scenario.journals[0]!.name; // hints that cannot be read are of no log; that they are refused is what is checked
  }
}

class Playbacks {
  readonly #scenario: Scenario;
  readonly #tally: Tally;
  readonly #whole = new Map<string, Promise<Played>>();

  constructor(scenario: Scenario, tally: Tally) {
    this.#scenario = scenario;
    this.#tally = tally;
  }

  async check(playback: Playback, form: 'json' | 'pb'): Promise<void> {
    const log = logOf(this.#scenario, playback);
    const stored = this.#scenario.hints.get(playback.hints);
    const ends = playback.logEndAtStart;
    if (playback.error !== undefined) {
      if (!stored)
        throw new Error(`hints ${playback.hints} are not stored, and their error cannot be had without them`);
      const handoff =
        playback.author === undefined ? undefined : { author: playback.author, raced: new Uint8Array(0) };
      const played = await play(this.#scenario, { log, hints: stored[form], ends, handoff });
      same('outcome', played.kind, 'refused');
      same('beside the directory', played.outside, []);
      return;
    }
    if (!stored) this.#tally.differs('hints not stored: played without');
    const appended = appendedBy(playback, log);
    const handoff = appended && { author: playback.author!, raced: appended.raced };
    const asked: Asked = { log, hints: stored?.[form], ends, handoff };
    const played = await play(this.#scenario, asked);
    same('beside the directory', played.outside, []);
    const { name } = this.#scenario;
    if (name.startsWith(FLAW) && name.includes('path-escape') && played.kind === 'refused') {
      same('error', played.error.code, 'REPLAY_FAILED');
      this.#tally.differs('path that leads out of the directory: typed error');
      return;
    }
    if (played.kind === 'refused') throw played.error;
    const expected = await this.#expected(playback, asked, appended);
    if (expected.difference !== undefined) this.#tally.differs(expected.difference);
    compare(played, playback, expected, appended);
    if (expected.difference !== STALE_HINTS) this.#compareRecorded(played, ends);
  }

  async #expected(playback: PlayedPlayback, asked: Asked, appended: Appended | undefined): Promise<Expected> {
    const asOriginal = original(playback, appended?.noop);
    const { name } = this.#scenario;
    const isPhantom =
      (name.startsWith(FLAW) && name.includes('phantom-file')) || this.#recorderHadOthers(playback);
    const hasProperties = playback.state.some((line) => line.startsWith('prop '));
    if (!isPhantom && !hasProperties) return asOriginal;
    const whole = await this.#wholeLog(asked);
    if (whole.kind === 'refused') return asOriginal; // then its hints are the only way to play it
    if (isPhantom) return wholeLog(asOriginal, playback, whole);
    const given = asked.hints ? parseHints(asked.hints).properties : [];
    const lines = propertyLines(new Map(given.map(({ path, content }) => [path, content])));
    return newestProperties(asOriginal, playback, whole, lines);
  }

  /** Whether the original ended with other files than the recorder had, properties aside: then it has met a flaw of its own, whatever the scenario is called. */
  #recorderHadOthers({ files, logEndAtStart }: PlayedPlayback): boolean {
    const recorded = this.#recorded(logEndAtStart);
    if (!recorded) return false;
    const properties = new Set(files.flatMap(({ path, property }) => (property ? [path] : [])));
    const digests = (list: readonly { path: string; sha256: string }[]): string[] =>
      list.flatMap(({ path, sha256 }) => (properties.has(path) ? [] : [`${path} ${sha256}`])).sort();
    return digests(files).join('\n') !== digests(recorded).join('\n');
  }

  /** What the last recorder had in its own directory, for a playback of all of its log. */
  #recorded(ends: Readonly<Record<string, number>>): Scenario['recordedFiles'] {
    const { recordedFiles, journals } = this.#scenario;
    return journals.every(({ name, content }) => ends[name] === content.length) ? recordedFiles : null;
  }

  /** The same bytes without hints. */
  #wholeLog({ log, ends }: Asked): Promise<Played> {
    const key = `${log} ${JSON.stringify(ends)}`;
    const known = this.#whole.get(key) ?? play(this.#scenario, { log, hints: undefined, ends });
    this.#whole.set(key, known);
    return known;
  }

  #compareRecorded(
    played: Extract<Played, { kind: 'played' }>,
    ends: Readonly<Record<string, number>>,
  ): void {
    const recorded = this.#recorded(ends);
    if (!recorded) return;
    const files = played.files.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
    same('files as the recorder had them', files, inOrder(recorded));
  }
}

function compare(
  played: Extract<Played, { kind: 'played' }>,
  playback: PlayedPlayback,
  expected: Expected,
  appended: Appended | undefined,
): void {
  same('files', played.files, expected.files);
  const lines = stateLines(played.state);
  same('state', lines, expected.state);
  same(
    'digest',
    digestOf(lines),
    expected.difference === undefined ? playback.digest : digestOf(expected.state),
  );
  if (expected.difference === undefined) {
    same('next sequence number', BigInt(played.state.nextSeqNo), playback.nextSeqNo);
    same('next checksum', played.state.nextChecksum, playback.nextChecksum);
    same('last log', played.state.lastLog, playback.lastLog);
  }
  const raced = appended?.raced ?? new Uint8Array(0);
  const wanted = concatBytes([raced, expected.noop ?? new Uint8Array(0)]);
  same('appended', toHex(played.appended), toHex(wanted));
  compareHints(played, playback, expected);
}

function compareHints(
  played: Extract<Played, { kind: 'played' }>,
  playback: PlayedPlayback,
  expected: Expected,
): void {
  const after = parseHints(utf8(JSON.stringify(playback.hintsAfter.json)));
  same('hints after it in protobuf', parseHints(playback.hintsAfter.pbHex), after); // each is stored by someone
  const ours = parseHints(encodeHintsJson(played.hints));
  same('log of the hints after it', ours.log, after.log);
  same(
    'properties of the hints after it',
    inOrder(ours.properties),
    inOrder(expected.properties ?? after.properties),
  );
  if (expected.nodesAsOriginal) same('files of the hints after it', ours.liveNodes, after.liveNodes);
}

/** Playbacks at a time: most of one is waiting for the disk. */
const AT_A_TIME = 8;

export const logPlaybacks: Category = {
  name: 'logs playbacks',
  run: async (source, tally) => {
    for (const name of await source.folders('logs')) {
      const scenario = await loadOrFail(source, name, tally);
      if (!scenario) continue;
      const playbacks = new Playbacks(scenario, tally);
      const left = scenario.playbacks.flatMap((playback, i) =>
        (['json', 'pb'] as const).map((form) => ({ playback, i, form })),
      );
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next; next = left.shift()) {
          const { playback, i, form } = next;
          const id = `logs/${name} playback ${i} of hints ${playback.hints} in ${form}, ${playback.mode}`;
          await tally.vector(id, () => playbacks.check(playback, form));
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
      if (scenario.name.startsWith(FLAW) && scenario.name.includes('truncate-hardlink'))
        await tally.vector(`logs/${name} recorded here`, recordedHere);
    }
  },
};
