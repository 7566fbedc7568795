/**
 * The state of a log as the vectors write it: lines of text, and the beginning of their digest.
 *
 * S1  Recorders and players of ours may keep a file's history in more segments than the original, so that pruning frees more. What the original would
 *     have kept follows from them: segments of one author in one log, one behind another, are one (gazette.md §2.5).
 */
import { sha256Hex, toHex, utf8 } from '../../src/base/index.ts';
import type { Fsm, FsmHints, Segment } from '../../src/recoverylog/testing/index.ts';

export interface LogState {
  readonly nextSeqNo: number;
  readonly nextChecksum: number;
  readonly lastLog: string;
  /** Hinted segments and files that have not been played. */
  readonly hinted: readonly [number, number];
  readonly properties: ReadonlyMap<string, string>;
  /** Path to file. */
  readonly links: ReadonlyMap<string, number>;
  readonly nodes: readonly { readonly fnode: number; readonly segments: readonly Segment[] }[];
}

export function stateOf(fsm: Fsm): LogState {
  return {
    nextSeqNo: fsm.nextSeqNo,
    nextChecksum: fsm.nextChecksum,
    lastLog: fsm.lastLog,
    hinted: [fsm.hintedSegments.length, fsm.hintedFnodes.length],
    properties: fsm.properties,
    links: fsm.links,
    nodes: fsm.liveNodes(),
  };
}

const hexOf = (text: string): string => toHex(utf8(text));
const crc = (value: number): string => value.toString(16).padStart(8, '0');
const byPath = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
  [...map].sort(([a], [b]) => Buffer.compare(utf8(a), utf8(b)));

export function propertyLines(properties: ReadonlyMap<string, string>): string[] {
  return byPath(properties).map(([path, content]) => `prop ${hexOf(path)} ${hexOf(content)}`);
}

export function stateLines(state: LogState): string[] {
  const names = new Map<number, number>();
  for (const fnode of state.links.values()) names.set(fnode, (names.get(fnode) ?? 0) + 1);
  return [
    `next ${state.nextSeqNo}`,
    `crc ${crc(state.nextChecksum)}`,
    `log ${state.lastLog}`,
    `hinted ${state.hinted.join(' ')}`,
    ...propertyLines(state.properties),
    ...byPath(state.links).map(([path, fnode]) => `link ${hexOf(path)} ${fnode}`),
    ...state.nodes.flatMap(({ fnode, segments }) => [
      `node ${fnode} ${names.get(fnode) ?? 0}`,
      ...segments.map(
        (s) =>
          `seg ${s.author} ${s.firstSeqNo} ${s.firstOffset} ${crc(s.firstChecksum)} ${s.lastSeqNo} ${s.lastOffset} ${s.log}`,
      ),
    ]),
  ];
}

export function digestOf(lines: readonly string[]): string {
  return sha256Hex(utf8(lines.map((line) => `${line}\n`).join(''))).slice(0, 16);
}

/** As the original would have kept it (S1). */
export function coalesced(state: LogState): LogState {
  return { ...state, nodes: state.nodes.map((node) => ({ ...node, segments: joined(node.segments) })) };
}

export function coalescedHints(hints: FsmHints): FsmHints {
  return {
    ...hints,
    liveNodes: hints.liveNodes.map((node) => ({ ...node, segments: joined(node.segments) })),
  };
}

function joined(segments: readonly Segment[]): readonly Segment[] {
  const all: Segment[] = [];
  for (const segment of segments) {
    const last = all.at(-1);
    if (last && last.author === segment.author && last.log === segment.log)
      all[all.length - 1] = { ...last, lastSeqNo: segment.lastSeqNo, lastOffset: segment.lastOffset };
    else all.push(segment);
  }
  return all;
}
