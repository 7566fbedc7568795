/**
 * The state machine concern by concern, as gazette.md §10.1 lists them for the original (FSMSuite). The payload of an operation is a count in decimal, so that
 * the checksums are the published ones.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../base/index.ts';
import { liveLogSegments, type FsmHints } from './format/hints.ts';
import type { RecordedOp } from './format/op.ts';
import type { Segment } from './format/segment.ts';
import { Fsm, type Rejection } from './fsm.ts';

const LOG = 'a/log';
const EMPTY: FsmHints = { log: LOG, liveNodes: [], properties: [] };
/** Chains of payloads "1", "2", … from 0, and from 0xfeedbeef (gazette.md §10.1). */
const FROM_ZERO = [0, 0x90f599e3, 0x7355c460] as const;
const FROM_FEED = [0xfeedbeef, 0x2d28e063, 0xf11e2261, 0xe292e757, 0x2009a120] as const;

type Given = Partial<RecordedOp>;

/** Applies operations one after another at offsets 100, 200, …; by default each continues the chain as author 100. */
class Story {
  readonly fsm: Fsm;
  #count = 0;

  constructor(hints: FsmHints = EMPTY, rules: 'holdfast' | 'gazette' = 'gazette') {
    this.fsm = new Fsm(hints, rules);
  }

  apply(given: Given, log = LOG): Rejection | undefined {
    const op = { seqNo: this.fsm.nextSeqNo, checksum: this.fsm.nextChecksum, author: 100, ...given };
    const place = { firstOffset: op.seqNo * 100, lastOffset: op.seqNo * 100 + 50, log };
    const rejection = this.fsm.apply(op, utf8(String(this.#count + 1)), place);
    if (rejection === undefined || rejection === 'not-tracked') this.#count++;
    return rejection;
  }
}

function segment(
  firstSeqNo: number,
  lastSeqNo: number,
  firstChecksum: number,
  more: Partial<Segment> = {},
): Segment {
  return {
    author: 100,
    firstSeqNo,
    lastSeqNo,
    firstChecksum,
    firstOffset: firstSeqNo * 100,
    lastOffset: lastSeqNo * 100 + 50,
    log: '',
    ...more,
  };
}

function hintsOf(...nodes: readonly (readonly [number, readonly Segment[]])[]): FsmHints {
  return { ...EMPTY, liveNodes: nodes.map(([fnode, segments]) => ({ fnode, segments })) };
}

test('without hints a log begins with operation 1 and checksum 0, and every operation moves both', () => {
  const story = new Story();
  expect([story.fsm.nextSeqNo, story.fsm.nextChecksum]).toEqual([1, 0]);
  expect(story.apply({ create: { path: '/a' } })).toBeUndefined();
  expect(story.fsm.nextChecksum).toBe(FROM_ZERO[1]);
  expect(story.apply({ link: { fnode: 1, path: '/b' } }, 'b/log')).toBeUndefined();
  expect([story.fsm.nextSeqNo, story.fsm.nextChecksum, story.fsm.lastLog]).toEqual([
    3,
    FROM_ZERO[2],
    'b/log',
  ]);
});

describe('hints flatten to files and segments', () => {
  test('segments of several files that overlap are one, each in its log', () => {
    const old = { log: 'old/log' };
    const { fnodes, segments } = liveLogSegments(
      hintsOf([2, [segment(2, 4, 7, old), segment(8, 9, 3)]], [4, [segment(4, 6, 9, old)]]),
    );
    expect(fnodes).toEqual([2, 4]);
    expect(segments).toEqual([segment(2, 6, 7, old), segment(8, 9, 3, { log: LOG })]);
  });

  test.each([
    ['the last one is in another log', hintsOf([2, [segment(2, 4, 7, { log: 'old/log' })]])],
    ['a file does not begin with its create', hintsOf([3, [segment(2, 4, 7)]])],
    ['two authors did the same', hintsOf([2, [segment(2, 4, 7)]], [4, [segment(4, 6, 9, { author: 5 })]])],
    ['files come out of order', hintsOf([4, [segment(4, 6, 9)]], [2, [segment(2, 4, 7)]])],
    ['a file has none', hintsOf([4, []])],
  ])('refused when %s', (_why, hints) => {
    expect(() => liveLogSegments(hints)).toThrow(/hints cannot be used/);
    expect(() => new Fsm(hints)).toThrow(/hints cannot be used/);
  });
});

test.each(['holdfast', 'gazette'] as const)(
  'a log is entered where its hints say, with their properties, and gives the same hints again, exact (%s)',
  (rules) => {
    const hints = {
      ...hintsOf([100, [segment(100, 101, FROM_FEED[0], { lastOffset: 0, firstOffset: 1 })]]),
      properties: [{ path: '/p', content: 'value' }],
    };
    const story = new Story(hints, rules);
    expect([story.fsm.nextSeqNo, story.fsm.nextChecksum]).toEqual([100, FROM_FEED[0]]);
    expect(story.apply({ seqNo: 99, create: { path: '/early' } })).toBe('wrong-seq-no');
    expect(story.apply({ create: { path: '/a' } })).toBeUndefined();
    expect(story.fsm.nextChecksum).toBe(FROM_FEED[1]);
    expect(story.apply({ checksum: 1, write: { fnode: 100, offset: 0, length: 0 } })).toBe(
      'checksum-mismatch',
    );
    expect(story.apply({ write: { fnode: 100, offset: 0, length: 0 } })).toBeUndefined();
    expect([story.fsm.nextChecksum, story.fsm.hintedSegments.length, story.fsm.hintedFnodes.length]).toEqual([
      FROM_FEED[2],
      0,
      0,
    ]);
    expect(story.fsm.buildHints(LOG)).toEqual({
      ...hints,
      liveNodes: [{ fnode: 100, segments: [segment(100, 101, FROM_FEED[0])] }],
    });
  },
);

test('a file is created once, and never where a property is', () => {
  const story = new Story({ ...EMPTY, properties: [{ path: '/p', content: 'value' }] });
  expect(story.apply({ create: { path: '/a' } })).toBeUndefined();
  expect(story.apply({ create: { path: '/a' } })).toBe('link-exists');
  expect(story.apply({ create: { path: '/p' } })).toBe('property-exists');
  expect(story.fsm.nextSeqNo).toBe(2);
  expect(story.apply({ create: { path: '/b' } })).toBeUndefined();
  expect(new Map(story.fsm.links)).toEqual(
    new Map([
      ['/a', 1],
      ['/b', 2],
    ]),
  );
  expect(story.fsm.liveNodes().map(({ fnode, links }) => [fnode, links])).toEqual([
    [1, ['/a']],
    [2, ['/b']],
  ]);
});

test('a create that the hints do not name is passed over; those beside it are not', () => {
  const story = new Story(
    hintsOf(
      [1, [segment(1, 1, 0)]],
      [3, [segment(2, 3, FROM_ZERO[1], { firstSeqNo: 3, firstChecksum: FROM_ZERO[2] })]],
    ),
    'holdfast',
  );
  expect(story.apply({ create: { path: '/a' } })).toBeUndefined();
  expect(story.apply({ seqNo: 2, checksum: FROM_ZERO[1], create: { path: '/skipped' } })).toBe(
    'wrong-seq-no',
  ); // not in a segment at all
  const inside = new Story(hintsOf([1, [segment(1, 3, 0)]], [3, [segment(3, 3, FROM_ZERO[2])]]));
  expect(inside.apply({ create: { path: '/a' } })).toBeUndefined();
  expect(inside.apply({ create: { path: '/dead' } })).toBe('not-tracked');
  expect(inside.apply({ create: { path: '/b' } })).toBeUndefined();
  expect([...inside.fsm.links]).toEqual([
    ['/a', 1],
    ['/b', 3],
  ]);
});

test('where the hints name a create there must be one', () => {
  const story = new Story(hintsOf([1, [segment(1, 2, 0)]], [2, [segment(2, 2, FROM_ZERO[1])]]));
  expect(story.apply({ create: { path: '/a' } })).toBeUndefined();
  expect(story.apply({ write: { fnode: 1, offset: 0, length: 0 } })).toBe('expected-hinted-fnode');
  expect(story.fsm.nextSeqNo).toBe(2);
});

test('a link needs a new name and a live file; a name that is taken is told first; another author begins a segment', () => {
  const story = new Story({ ...EMPTY, properties: [{ path: '/p', content: 'value' }] });
  story.apply({ create: { path: '/a' } });
  expect(story.apply({ link: { fnode: 1, path: '/a' } })).toBe('link-exists');
  expect(story.apply({ link: { fnode: 77, path: '/a' } })).toBe('link-exists');
  expect(story.apply({ link: { fnode: 1, path: '/p' } })).toBe('property-exists');
  expect(story.apply({ link: { fnode: 77, path: '/b' } })).toBe('not-tracked');
  expect(story.fsm.nextSeqNo).toBe(3); // that advances the chain
  expect(story.apply({ author: 200, link: { fnode: 1, path: '/b' } })).toBeUndefined();
  expect([...story.fsm.linksOf(1)]).toEqual(['/a', '/b']);
  expect(
    story.fsm
      .liveNodes()[0]!
      .segments.map(({ author, firstSeqNo, lastSeqNo }) => [author, firstSeqNo, lastSeqNo]),
  ).toEqual([
    [100, 1, 1],
    [200, 3, 3],
  ]);
});

test('a file dies with its last name, and the hints shrink to nothing', () => {
  const story = new Story();
  story.apply({ create: { path: '/a' } });
  story.apply({ link: { fnode: 1, path: '/b' } });
  story.apply({ create: { path: '/c' } });
  expect(story.apply({ unlink: { fnode: 1, path: '/c' } })).toBe('no-such-link');
  expect(story.apply({ unlink: { fnode: 3, path: '/b' } })).toBe('no-such-link');
  expect(story.apply({ unlink: { fnode: 2, path: '/a' } })).toBe('not-tracked');
  expect(story.apply({ unlink: { fnode: 1, path: '/a' } })).toBeUndefined();
  expect([story.fsm.isLive(1), [...story.fsm.linksOf(1)], story.fsm.links.has('/a')]).toEqual([
    true,
    ['/b'],
    false,
  ]);
  expect(story.apply({ unlink: { fnode: 1, path: '/b' } })).toBeUndefined();
  expect(story.fsm.isLive(1)).toBe(false);
  expect(story.fsm.buildHints(LOG).liveNodes.map(({ fnode }) => fnode)).toEqual([3]);
  expect(story.apply({ unlink: { fnode: 3, path: '/c' } })).toBeUndefined();
  expect(story.fsm.buildHints(LOG)).toEqual(EMPTY);
  expect(story.apply({ unlink: { fnode: 3, path: '/c' } })).toBe('not-tracked');
});

test('a property is set, never over a file, and may be set anew', () => {
  const story = new Story();
  story.apply({ create: { path: '/a' } });
  expect(story.apply({ property: { path: '/p', content: 'one' } })).toBeUndefined();
  expect(story.apply({ property: { path: '/a', content: 'x' } })).toBe('link-exists');
  expect(story.apply({ property: { path: '/p', content: 'two' } })).toBeUndefined();
  expect([...story.fsm.properties]).toEqual([['/p', 'two']]);
});

test('writes go to live files, and are one segment of each', () => {
  const story = new Story();
  story.apply({ create: { path: '/a' } });
  story.apply({ create: { path: '/b' } });
  expect(story.apply({ write: { fnode: 1, offset: 10, length: 5 } })).toBeUndefined();
  expect(story.apply({ write: { fnode: 15, offset: 0, length: 5 } })).toBe('not-tracked');
  expect(story.apply({ write: { fnode: 2, offset: 0, length: 5 } })).toBeUndefined();
  const { liveNodes } = story.fsm.buildHints(LOG);
  expect(liveNodes.map(({ segments }) => segments.map((s) => [s.firstSeqNo, s.lastSeqNo]))).toEqual([
    [[1, 3]],
    [[2, 5]],
  ]);
});

test('while hints last, only their authors count; each segment brings its checksum; then anybody goes on', () => {
  const hints = hintsOf([1, [segment(1, 2, FROM_FEED[0]), segment(5, 5, FROM_ZERO[1], { author: 200 })]]);
  const story = new Story(hints);
  expect(story.apply({ create: { path: '/a' } })).toBeUndefined();
  expect(story.apply({ author: 666, write: { fnode: 1, offset: 0, length: 0 } })).toBe('not-hinted-author');
  expect(story.apply({ write: { fnode: 1, offset: 0, length: 0 } })).toBeUndefined();
  expect([story.fsm.nextSeqNo, story.fsm.nextChecksum]).toEqual([5, FROM_ZERO[1]]);
  expect(story.apply({ write: { fnode: 1, offset: 0, length: 0 } })).toBe('not-hinted-author');
  expect(story.apply({ author: 200, write: { fnode: 1, offset: 0, length: 0 } })).toBeUndefined();
  expect(story.fsm.buildHints(LOG)).toEqual(hints);
  expect(story.apply({ author: 666 })).toBeUndefined();
  expect(story.fsm.nextSeqNo).toBe(7);
});
