/**
 * The state of a log as the vectors write it: lines of text, and the beginning of their digest.
 */
import { sha256Hex, toHex, utf8 } from '../../src/base/index.ts';
import type { Fsm, Segment } from '../../src/recoverylog/testing/index.ts';

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
