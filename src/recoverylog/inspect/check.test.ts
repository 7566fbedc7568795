/**
 * What is wrong with a log, and what only looks like it: races, retried appends, lost operations, holes.
 */
import { describe, expect, test } from '@jest/globals';
import { crc32c } from '../../base/index.ts';
import { encodeFrame } from '../format/frame.ts';
import type { RecordedOp } from '../format/op.ts';
import { Fsm } from '../fsm.ts';
import type { Names } from '../names.ts';
import { LogCheck } from './check.ts';
import type { LogFinding } from './finding.ts';
import type { LogItem } from './scan.ts';

type Op = Extract<LogItem, { kind: 'op' }>;
const [A, B] = [0xa, 0xb];

/** Writers of one log: each goes on from what it has read. */
class Writer {
  readonly author: number;
  seqNo = 1;
  checksum = 0;

  constructor(author: number, from?: Writer) {
    this.author = author;
    if (from) [this.seqNo, this.checksum] = [from.seqNo, from.checksum];
  }

  write(body: Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'> = {}): Op {
    const op: RecordedOp = { seqNo: this.seqNo, checksum: this.checksum, author: this.author, ...body };
    const { payload, frame } = encodeFrame(op);
    this.seqNo++;
    this.checksum = crc32c(payload, this.checksum);
    return { kind: 'op', op, payload, firstOffset: 0, lastOffset: frame.length };
  }
}

/** The items at the offsets at which they stand one after another. */
function check(
  items: readonly LogItem[],
  begin = 0,
): { readonly found: LogFinding[]; readonly check: LogCheck } {
  const log = new LogCheck('test/log');
  const found: LogFinding[] = [];
  let at = begin;
  for (const item of items) {
    const length = item.lastOffset - item.firstOffset;
    found.push(...log.take({ ...item, firstOffset: at, lastOffset: at + length }));
    at += length;
  }
  found.push(...log.take({ kind: 'head', firstOffset: at, lastOffset: at }));
  return { found, check: log };
}

const kinds = (items: readonly LogItem[]): string[] =>
  check(items).found.map(({ severity, kind }) => `${severity} ${kind}`);
const hole = (length: number): LogItem => ({ kind: 'hole', firstOffset: 0, lastOffset: length });
const create = (path: string): Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'> => ({ create: { path } });

describe('no problem', () => {
  test('is a log of one author, nor one that was handed over', () => {
    const a = new Writer(A);
    const items = [a.write(create('/a')), a.write({ write: { fnode: 1, offset: 0, length: 0 } })];
    const b = new Writer(B, a);
    const { found, check: log } = check([...items, b.write(), b.write(create('/b'))]);
    expect(found).toEqual([]);
    expect(log.figures).toMatchObject({
      operations: 4,
      authors: 2,
      files: 2,
      nextSeqNo: 5,
      nextChecksum: b.checksum,
    });
  });

  test('is an append that was retried and stands there twice', () => {
    const a = new Writer(A);
    const [one, two] = [a.write(create('/a')), a.write(create('/b'))];
    const { found, check: log } = check([one, two, one, two, a.write(create('/c'))]);
    expect(found).toEqual([]);
    expect(log.figures).toMatchObject({ operations: 3, repeated: 2 });
  });

  test('is an append that came too early and again in its turn', () => {
    const a = new Writer(A);
    const [one, two, three] = [a.write(create('/a')), a.write(create('/b')), a.write(create('/c'))];
    expect(kinds([one, three, two, three])).toEqual([]);
  });

  test('is what an overtaken author still wrote: a warning, in one line', () => {
    const a = new Writer(A);
    const first = a.write(create('/a'));
    const b = new Writer(B, a);
    const items = [first, b.write(), a.write(create('/x')), a.write(create('/y')), b.write(create('/b'))];
    expect(kinds(items)).toEqual(['warning overtaken-author']);
  });

  test('is a handoff that lost its first race', () => {
    const a = new Writer(A);
    const first = a.write(create('/a'));
    const tooLate = new Writer(B, a).write();
    const second = a.write(create('/b'));
    const b = new Writer(B, a);
    expect(kinds([first, second, tooLate, b.write(), b.write(create('/c'))])).toEqual([]);
  });
});

describe('a problem', () => {
  test('is an operation that is missing: everything of its author behind it is left out', () => {
    const a = new Writer(A);
    const [one, , three, four] = [
      a.write(create('/a')),
      a.write(create('/b')),
      a.write(create('/c')),
      a.write(),
    ];
    const { found, check: log } = check([one, three, four]);
    expect(found).toMatchObject([
      {
        severity: 'problem',
        kind: 'missing-operations',
        begin: one.lastOffset,
        text: expect.stringContaining('2 operations (3 to 4)'),
      },
    ]);
    expect(log.figures.nextSeqNo).toBe(2);
  });

  test('stays one when another author takes over from before the gap: what was acknowledged is rolled back', () => {
    const a = new Writer(A);
    const one = a.write(create('/a'));
    const b = new Writer(B, a);
    a.write(create('/lost'));
    expect(kinds([one, a.write(create('/c')), b.write()])).toEqual(['problem missing-operations']);
  });

  test('is a first operation that is missing, unless the log begins with a later one: a fork', () => {
    const a = new Writer(A);
    a.write(create('/a'));
    const rest = [a.write(create('/b')), a.write(create('/c'))];
    expect(kinds([{ kind: 'desync', firstOffset: 0, lastOffset: 9 }, ...rest])).toEqual([
      'warning desync',
      'problem missing-operations',
    ]);
    expect(kinds(rest)).toEqual(['warning begins-elsewhere']);
  });

  test('is an operation that is due and cannot be', () => {
    const a = new Writer(A);
    const items = [a.write(create('/a')), a.write(create('/a')), a.write(create('/b'))];
    expect(kinds(items)).toEqual(['problem contradiction', 'problem missing-operations']);
  });

  test('is a path that leads out, and a frame that cannot be read', () => {
    const a = new Writer(A);
    expect(kinds([a.write(create('/../x'))])).toEqual(['problem bad-path']);
    expect(kinds([{ kind: 'damage', firstOffset: 0, lastOffset: 9, problem: 'x' }])).toEqual([
      'problem damaged-frame',
    ]);
  });
});

describe('behind a hole', () => {
  test('the chain is taken up again where operations follow each other', () => {
    const a = new Writer(A);
    const one = a.write(create('/a'));
    a.write(create('/pruned'));
    const rest = new Writer(B).write(create('/the rest of an operation that looks like one'));
    const { found, check: log } = check([one, hole(99), rest, a.write(create('/c')), a.write(create('/d'))]);
    expect(found.map(({ kind }) => kind)).toEqual(['pruned']);
    expect(log.figures).toMatchObject({
      nextSeqNo: a.seqNo,
      nextChecksum: a.checksum,
      files: undefined,
      prunedBytes: 99,
    });
  });

  test('an operation that is missing then is a problem again', () => {
    const a = new Writer(A);
    const items = [a.write(create('/a')), hole(9), a.write(create('/b')), a.write(create('/c'))];
    a.write(create('/lost'));
    expect(kinds([...items, a.write()])).toEqual(['warning pruned', 'problem missing-operations']);
  });
});

describe('the state that hints play to', () => {
  const a = new Writer(A);
  const items = [a.write(create('/a')), a.write(create('/b'))];
  const { check: log } = check(items);
  const played = (ops: readonly Op[]): Fsm => {
    const fsm = new Fsm({ log: 'test/log', liveNodes: [], properties: [] });
    for (const { op, payload, firstOffset, lastOffset } of ops)
      fsm.apply(op, payload, { firstOffset, lastOffset, log: 'test/log' });
    return fsm;
  };

  test('is that of the log, or it is said how it differs', () => {
    expect(log.differsFrom(played(items))).toBeUndefined();
    expect(log.differsFrom(played(items.slice(0, 1)))).toMatch(/play to operation 1, and the log goes to 2/);
    const missing = played(items);
    (missing.links as Names).remove('/b');
    expect(log.differsFrom(missing)).toContain('"/b" differs');
  });
});
