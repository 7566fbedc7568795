import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { crc32c, fromHex, PositionError, sha256Hex, toHex, utf8 } from '../base/index.ts';
import { WireError } from './errors.ts';
import { decodeOp, encodeOp, type RecordedOp } from './format/op.ts';
import { encodeFrame, FrameReader } from './format/frame.ts';
import { Fsm, type Rejection } from './fsm.ts';
import { encodeHintsJson, liveLogSegments, parseHints } from './format/hints.ts';
import { SegmentSet, type Segment } from './format/segment.ts';

type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- vectors are free-form by design

function rows(name: string): Json[] {
  const file = new URL(`../../e2e/golden/recoverylog/${name}.jsonl.gz`, import.meta.url);
  return gunzipSync(readFileSync(file))
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Json);
}

/** 64-bit numbers stand in the vectors as decimal strings. */
function fits(value: string | undefined): boolean {
  const number = BigInt(value ?? '0');
  return number >= 0n && number <= BigInt(Number.MAX_SAFE_INTEGER);
}
const int = (value: unknown): number => Number(value ?? 0);

/** Whether every number of an op is a position and every text is UTF-8: what this implementation carries. */
function representable(op: Json): boolean {
  const inner = [op, op['link'], op['unlink'], op['write'], op['create'], op['property']].filter(
    Boolean,
  ) as Json[];
  return inner.every(
    (part) =>
      ['seqNo', 'fnode', 'offset', 'length', 'firstOffset', 'lastOffset'].every((key) => fits(part[key])) &&
      !('pathHex' in part) &&
      !('contentHex' in part),
  );
}

function opOf(op: Json): RecordedOp {
  const target = (part: Json): { fnode: number; path: string } => ({
    fnode: int(part['fnode']),
    path: part['path'] ?? '',
  });
  return {
    seqNo: int(op['seqNo']),
    checksum: op['checksum'] ?? 0,
    author: op['author'] ?? 0,
    ...(op['create'] ? { create: { path: op['create'].path ?? '' } } : {}),
    ...(op['link'] ? { link: target(op['link']) } : {}),
    ...(op['unlink'] ? { unlink: target(op['unlink']) } : {}),
    ...(op['write']
      ? {
          write: {
            fnode: int(op['write'].fnode),
            offset: int(op['write'].offset),
            length: int(op['write'].length),
          },
        }
      : {}),
    ...(op['property']
      ? { property: { path: op['property'].path ?? '', content: op['property'].content ?? '' } }
      : {}),
  };
}

describe('frames written by the Go original', () => {
  const all = rows('frames');
  const ours = all.filter((row) => representable(row['op']) && !('log' in row['op'])); // we never write the meta fields

  test('are written byte for byte the same, with the same checksum after them', () => {
    expect(ours.length).toBeGreaterThan(50);
    for (const row of ours) {
      const { frame, payload } = encodeFrame(opOf(row['op']));
      expect([row['id'], toHex(frame)]).toEqual([row['id'], row['frameHex']]);
      expect([row['id'], crc32c(payload, row['op'].checksum ?? 0)]).toEqual([row['id'], row['crcAfter']]);
      expect(decodeOp(fromHex(row['payloadHex']))).toEqual(opOf(row['op']));
    }
  });

  test('with numbers beyond 2^53 or paths that are no text are a typed error, never rounded', () => {
    const beyond = all.filter((row) => !representable(row['op']));
    expect(beyond.length).toBeGreaterThan(0);
    for (const row of beyond) {
      let thrown: unknown;
      try {
        decodeOp(fromHex(row['payloadHex']));
      } catch (error) {
        thrown = error;
      }
      expect(thrown instanceof PositionError || thrown instanceof WireError).toBe(true);
    }
  });
});

test('foreign and damaged payloads are taken or refused as by the Go original', () => {
  for (const row of rows('payload-decode')) {
    const payload = fromHex(row['payloadHex']);
    if (row['ok'] && representable(row['op'])) {
      expect([row['note'], toHex(encodeOp(decodeOp(payload)))]).toEqual([
        row['note'],
        row['reencodedHex'].length > 0 ? toHex(encodeOp(opOf(row['op']))) : '',
      ]);
    } else {
      expect(() => decodeOp(payload)).toThrow();
    }
  }
});

describe('the state machine', () => {
  const GO: Record<string, Rejection> = {
    ErrNotHintedAuthor: 'not-hinted-author',
    ErrWrongSeqNo: 'wrong-seq-no',
    ErrChecksumMismatch: 'checksum-mismatch',
    ErrExpectedHintedFnode: 'expected-hinted-fnode',
    ErrLinkExists: 'link-exists',
    ErrPropertyExists: 'property-exists',
    ErrNoSuchLink: 'no-such-link',
    ErrFnodeNotTracked: 'not-tracked',
  };

  function digest(fsm: Fsm): string {
    const hex = (text: string): string => toHex(utf8(text));
    const byPath = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
      [...map].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const crc = (value: number): string => value.toString(16).padStart(8, '0');
    const lines = [
      `next ${fsm.nextSeqNo}`,
      `crc ${crc(fsm.nextChecksum)}`,
      `log ${fsm.lastLog}`,
      `hinted ${fsm.hintedSegments.length} ${fsm.hintedFnodes.length}`,
      ...byPath(fsm.properties).map(([path, content]) => `prop ${hex(path)} ${hex(content)}`),
      ...byPath(fsm.links).map(([path, fnode]) => `link ${hex(path)} ${fnode}`),
      ...fsm
        .liveNodes()
        .flatMap((node) => [
          `node ${node.fnode} ${node.links.length}`,
          ...node.segments.map(
            (s) =>
              `seg ${s.author} ${s.firstSeqNo} ${s.firstOffset} ${crc(s.firstChecksum)} ${s.lastSeqNo} ${s.lastOffset} ${s.log}`,
          ),
        ]),
    ];
    return sha256Hex(utf8(lines.map((line) => `${line}\n`).join(''))).slice(0, 16);
  }

  /** Sequences whose numbers leave what we carry: stopped at their first such step. */
  test('goes through every sequence as the Go original does (rules of the original)', () => {
    let steps = 0;
    let fsm: Fsm | undefined;
    for (const row of rows('fsm')) {
      if (row['type'] === 'start') {
        fsm = undefined;
        const text = JSON.stringify(row['hints'].json);
        if (/\d{16,}/.test(text) || row['kind'] === 'wide numbers') continue;
        if (row['error']) {
          expect(() => parseHints(utf8(text))).toThrow();
          continue;
        }
        fsm = new Fsm(parseHints(utf8(text)), 'gazette');
        expect(digest(fsm)).toBe(row['digest']);
        continue;
      }
      if (!fsm || !representable(row['op'])) continue;
      const op = row['op'] as Json;
      const place = {
        firstOffset: int(op['firstOffset']),
        lastOffset: int(op['lastOffset']),
        log: op['log'] ?? '',
      };
      const rejection = fsm.apply(opOf(op), fromHex(row['payloadHex']), place);
      expect([row['seq'], row['i'], rejection ?? null]).toEqual([
        row['seq'],
        row['i'],
        row['error'] === null ? null : GO[row['error']],
      ]);
      expect([row['seq'], row['i'], digest(fsm)]).toEqual([row['seq'], row['i'], row['digest']]);
      steps++;
    }
    expect(steps).toBeGreaterThan(5000);
  });
});

describe('segments', () => {
  const segmentOf = (s: Json): Segment => ({
    author: s['author'] ?? 0,
    firstSeqNo: int(s['firstSeqNo']),
    firstOffset: int(s['firstOffset']),
    firstChecksum: s['firstChecksum'] ?? 0,
    lastSeqNo: int(s['lastSeqNo']),
    lastOffset: int(s['lastOffset']),
    log: s['log'] ?? '',
  });
  const wide = (value: unknown): boolean => /"-?\d{16,}"/.test(JSON.stringify(value));

  test('are added, merged and refused as by the Go original', () => {
    let steps = 0;
    for (const row of rows('segmentset-add')) {
      if (wide(row)) continue;
      const set = new SegmentSet();
      for (const step of row['steps'] as Json[]) {
        const add = (): void => set.add(segmentOf(step['add']));
        if (step['error'] === null) add();
        else expect(add).toThrow();
        expect([row['id'], set.segments]).toEqual([row['id'], (step['after'] as Json[]).map(segmentOf)]);
        steps++;
      }
    }
    expect(steps).toBeGreaterThan(1000);
  });

  test('of hints flatten to the same files and segments, or are refused', () => {
    let taken = 0;
    for (const row of rows('hints-live-segments')) {
      if (/":-?\d{16,}|":-\d/.test(JSON.stringify(row['hints'].json))) continue;
      const text = utf8(JSON.stringify(row['hints'].json));
      if (row['error'] !== null || row['newFSMError']) {
        expect(() => parseHints(text)).toThrow();
        continue;
      }
      const { fnodes, segments } = liveLogSegments(parseHints(text));
      expect([row['id'], fnodes.map(String)]).toEqual([row['id'], row['fnodes']]);
      expect(segments).toEqual((row['segments'] as Json[]).map(segmentOf));
      taken++;
    }
    expect(taken).toBeGreaterThan(50);
  });
});

describe('stored hints', () => {
  test('decode from JSON and protobuf alike, and come back in the form Gazette stores', () => {
    let both = 0;
    for (const row of rows('buildhints')) {
      if (row['reloadError']) continue;
      const text = JSON.stringify(row['hints'].json);
      if (/":-?\d{16,}|":-\d/.test(text)) continue;
      const fromJson = parseHints(utf8(text));
      expect(parseHints(fromHex(row['hints'].pbHex))).toEqual(fromJson);
      expect(JSON.parse(Buffer.from(encodeHintsJson(fromJson)).toString())).toEqual(row['hints'].json);
      both++;
    }
    expect(both).toBeGreaterThan(150);
  });

  test('that the original refuses are refused; what it takes by mistake for empty hints too', () => {
    for (const row of rows('hints-decode')) {
      const value = fromHex(row['valueHex']);
      // A number written as 1e3 is 1000 to every JSON reader but Go's; taking it loses nothing.
      if (row['note'] === 'number with exponent') continue;
      if (row['decodeError'] || row['newFSMError']) expect(() => parseHints(value)).toThrow();
    }
    const camelCase = utf8('{"log":"a/log","liveNodes":[{"fnode":"1","segments":[]}]}');
    expect(() => parseHints(camelCase)).toThrow(/liveNodes/);
  });
});

test('a log written by hand from the published vectors reads back frame by frame', () => {
  const hex =
    '663393361100000008011dd204000022080a062f612f6f6e65' +
    '6633933612000000080215181aee0d1dd20400003a040801180568656c6c6f' +
    '6633933618000000080315c5a7e9831dd20400002a0a080112062f622f74776f';
  for (const size of [1, 3, 7, 1000]) {
    const reader = new FrameReader('a/log', 0);
    const seen: unknown[] = [];
    const bytes = fromHex(hex);
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size));
      for (let frame = reader.next(); frame; frame = reader.next()) {
        seen.push([
          frame.kind,
          frame.firstOffset,
          frame.lastOffset,
          frame.kind === 'op' ? Buffer.from(frame.data).toString() : '',
        ]);
      }
    }
    expect(seen).toEqual([
      ['op', 0, 25, ''],
      ['op', 25, 56, 'hello'],
      ['op', 56, 88, ''],
    ]);
  }
});
