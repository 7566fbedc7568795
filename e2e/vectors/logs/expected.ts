/**
 * What a playback must end in. It is what the original ended in, but for the flaws of the original that issue and design name: there it is what the whole
 * log says.
 *
 * F1  "The whole log": the same bytes played from the beginning without hints, by this player, whose own playbacks without hints are compared with the
 *     original's. The chain of checksums covers the history: a state of the same sequence number and checksum has the same one.
 * F2  Where the original ends at the place of the whole log and a property of it has an older value, the newest is right (stale property). Hints that hold the
 *     older value themselves, because the original's player made them after it had gone wrong, can only be followed: the newer one is in none of the
 *     bytes that they name.
 * F3  In a scenario of the flaw phantom-file it is the state of the whole log in every part.
 */
import { crc32c, sha256Hex, utf8 } from '../../../src/base/index.ts';
import { decodeOp, encodeFrame, FRAME_HEADER_BYTES } from '../../../src/recoverylog/testing/index.ts';
import { propertyLines, stateLines } from '../state.ts';
import { inOrder, type Played, type PlayedFile } from './play.ts';
import type { PlayedPlayback } from './scenario.ts';

type WholeLog = Extract<Played, { kind: 'played' }>;

export interface Expected {
  readonly files: readonly PlayedFile[];
  readonly state: readonly string[];
  /** Properties of the hints made afterwards, when they are not the original's. */
  readonly properties: readonly { readonly path: string; readonly content: string }[] | undefined;
  /** Whether the live files of the hints made afterwards are the original's. */
  readonly nodesAsOriginal: boolean;
  /** The last frame that a handoff appends. */
  readonly noop: Uint8Array | undefined;
  readonly difference: string | undefined;
}

/** As the original had it. */
export function original(playback: PlayedPlayback, noop: Uint8Array | undefined): Expected {
  return {
    files: inOrder(
      playback.files.map(({ path, size, sha256, links = 1 }) => ({ path, size, sha256, links })),
    ),
    state: playback.state,
    properties: undefined,
    nodesAsOriginal: true,
    noop,
    difference: undefined,
  };
}

/** Where the state before a handoff stood: its sequence number and checksum. */
function placeBefore(playback: PlayedPlayback, noop: Uint8Array | undefined): readonly [number, number] {
  if (!noop) return [Number(playback.nextSeqNo), playback.nextChecksum];
  const { seqNo, checksum } = decodeOp(noop.subarray(FRAME_HEADER_BYTES));
  return [seqNo, checksum];
}

/** F2. `whole`: the whole log as far as it went; `given`: properties of the hints, as lines of a state. */
export function newestProperties(
  asOriginal: Expected,
  playback: PlayedPlayback,
  whole: WholeLog,
  given: readonly string[],
): Expected {
  const [seqNo, checksum] = placeBefore(playback, asOriginal.noop);
  if (whole.state.nextSeqNo !== seqNo || whole.state.nextChecksum !== checksum) return asOriginal;
  const newest = propertyLines(whole.state.properties);
  const theirs = asOriginal.state.filter((line) => line.startsWith('prop '));
  if (newest.join() === theirs.join()) return asOriginal;
  if (theirs.every((line) => newest.includes(line) || given.includes(line)))
    return { ...asOriginal, difference: STALE_HINTS };
  const others = asOriginal.state.filter((line) => !line.startsWith('prop '));
  const isProperty = new Set(playback.files.flatMap(({ path, property }) => (property ? [path] : [])));
  const files = asOriginal.files.filter(({ path }) => !isProperty.has(path));
  const properties = [...whole.state.properties].map(([path, content]) => ({ path, content }));
  return {
    ...asOriginal,
    files: inOrder([
      ...files,
      ...properties.map(({ path, content }) => ({
        path,
        size: utf8(content).length,
        sha256: sha256Hex(utf8(content)),
        links: 1,
      })),
    ]),
    state: [...others.slice(0, HEAD_LINES), ...newest, ...others.slice(HEAD_LINES)],
    properties: inOrder(properties),
    difference: 'stale property in the original: the newest value',
  };
}

export const STALE_HINTS = 'stale property in the hints themselves, made by the original: as they say';

/** next, crc, log, hinted. */
const HEAD_LINES = 4;

/** F3 */
export function wholeLog(asOriginal: Expected, playback: PlayedPlayback, whole: WholeLog): Expected {
  const [seqNo] = placeBefore(playback, asOriginal.noop);
  if (whole.state.nextSeqNo === seqNo) return asOriginal;
  const { state } = whole;
  const difference = 'phantom file in the original: the state of the whole log';
  const common = {
    files: whole.files,
    properties: whole.hints.properties,
    nodesAsOriginal: false,
    difference,
  };
  if (playback.author === undefined) return { ...common, state: stateLines(state), noop: undefined };
  const { nextSeqNo, nextChecksum } = state;
  const { frame, payload } = encodeFrame({
    seqNo: nextSeqNo,
    checksum: nextChecksum,
    author: playback.author,
  });
  const after = { ...state, nextSeqNo: nextSeqNo + 1, nextChecksum: crc32c(payload, nextChecksum) };
  return { ...common, state: stateLines(after), noop: frame };
}
