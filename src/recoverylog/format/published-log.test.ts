import { describe, expect, test } from '@jest/globals';
import { fromHex, utf8 } from '../../base/index.ts';
import { encodeHintsJson, encodeHintsProtobuf, parseHints } from './hints.ts';
import { FrameReader } from './frame.ts';

test('a log written by hand from the published vectors reads back frame by frame, however it comes', () => {
  const bytes = fromHex(
    '663393361100000008011dd204000022080a062f612f6f6e65' +
      '6633933612000000080215181aee0d1dd20400003a040801180568656c6c6f' +
      '6633933618000000080315c5a7e9831dd20400002a0a080112062f622f74776f',
  );
  for (const size of [1, 3, 7, 1000]) {
    const reader = new FrameReader('a/log', 0);
    const seen: unknown[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size));
      for (let frame = reader.next(); frame; frame = reader.next()) {
        const data = frame.kind === 'op' ? Buffer.from(frame.data).toString() : '';
        seen.push([frame.kind, frame.firstOffset, frame.lastOffset, data]);
      }
    }
    expect(seen).toEqual([
      ['op', 0, 25, ''],
      ['op', 25, 56, 'hello'],
      ['op', 56, 88, ''],
    ]);
  }
});

describe('hints are read as Go reads them, but for what it loses', () => {
  const node = (segment: string): Uint8Array =>
    utf8(
      `{"log":"a/log","live_nodes":[{"fnode":3,"segments":[{"author":1,"first_seq_no":3,"last_seq_no":4${segment}}]}]}`,
    );

  test('keys of a later version and other letter case are taken', () => {
    expect(parseHints(node(',"future":{"x":[1]},"LAST_OFFSET":9'))).toEqual(
      parseHints(node(',"last_offset":9')),
    );
  });

  test.each(['liveNodes', 'LIVENODES', 'l_ivenodes'])(
    'a key of ours that is spelt otherwise is refused: %s',
    (key) => {
      expect(() => parseHints(utf8(`{"log":"a/log","${key}":[]}`))).toThrow(/is written live_nodes/);
    },
  );

  test.each(['1e3', '1.0', '-0.5', '9007199254740993', '-1', '"7"'])('%s is no position', (number) => {
    expect(() => parseHints(node(`,"last_offset":${number}`))).toThrow();
  });

  test('both forms come back as they were written', () => {
    const hints = parseHints(
      node(',"last_offset":9,"log":"other/log"},{"author":1,"first_seq_no":9,"last_seq_no":9'),
    );
    expect(parseHints(encodeHintsJson(hints))).toEqual(hints);
    expect(parseHints(encodeHintsProtobuf(hints))).toEqual(hints);
  });
});
