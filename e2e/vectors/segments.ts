/**
 * segments/: segment sets, and hints as they are flattened to one.
 */
import { z } from 'zod';
import { toHex, utf8 } from '../../src/base/index.ts';
import {
  encodeHintsProtobuf,
  Fsm,
  liveLogSegments,
  parseHints,
  SegmentSet,
  type FsmHints,
} from '../../src/recoverylog/testing/index.ts';
import type { Category } from './category.ts';
import { hex, hintsForm, int64, segmentForm, segmentInRange, segmentOf, u32 } from './forms.ts';
import { parseBoth } from './fsm.ts';
import { stateLines, stateOf } from './state.ts';
import { errorOf, isOutOfRange, same } from './tally.ts';

const OUT_OF_RANGE = 'number beyond 2^53-1: typed error';

/** The original's rule, by how its text begins, and ours for the same. */
const RULES: Readonly<Record<string, RegExp>> = {
  'expected monotonic FirstOffset': /first offsets do not rise/,
  'expected preceding Segment to also include LastOffset': /open end before one with a known end/,
  'Segment cannot use a different log where preceding Segment.LastOffset is zero':
    /another log after a segment with open end/,
  'expected monotonic LastOffset': /last offsets do not rise/,
  'expected FirstChecksum equality': /two checksums/,
  'expected Segment Author equality': /two authors/,
  'expected Segment Log equality': /two logs/,
  'Author is zero': /without author/,
  'FirstSeqNo <= 0': /first sequence number below 1/,
  'FirstOffset < 0': /negative first offset/,
  'LastSeqNo < segment.FirstSeqNo': /last sequence number below the first/,
  'LastOffset <= segment.FirstOffset': /last offset at or below the first/,
  'Log: ': /no journal name/,
};

const addForm = z.strictObject({
  id: z.int(),
  kind: z.string(),
  steps: z.array(
    z.strictObject({ add: segmentForm, error: z.string().nullable(), after: z.array(segmentForm) }),
  ),
});

export const segmentSetAdd: Category = {
  name: 'segmentset-add',
  run: (source, tally) =>
    source.eachRow('segments/segmentset-add.jsonl', addForm, tally, async ({ steps }) => {
      const set = new SegmentSet();
      for (const [i, { add, error, after }] of steps.entries()) {
        const act = (): void => set.add(segmentOf(add));
        if (!segmentInRange(add)) {
          const refused = await errorOf(act);
          if (!isOutOfRange(refused) && error === null) throw refused;
          tally.differs(OUT_OF_RANGE);
          return; // the set is another one from here on
        }
        if (error === null) act();
        else await sameRule(error, act);
        same(`set after step ${i}`, set.segments, after.map(segmentOf));
      }
    }),
};

async function sameRule(text: string, act: () => void): Promise<void> {
  const { message } = await errorOf(act);
  const rule = Object.entries(RULES).find(([begin]) => text.startsWith(begin))?.[1];
  if (!rule?.test(message)) throw new Error(`refused with "${message}", the original with "${text}"`);
}

const intersectForm = z.strictObject({
  id: z.int(),
  set: z.array(segmentForm),
  queries: z.array(
    z.strictObject({
      log: z.string(),
      first: int64,
      last: int64,
      indices: z.array(z.int()).nullish(),
      panic: z.string().optional(),
    }),
  ),
});

export const segmentSetIntersect: Category = {
  name: 'segmentset-intersect',
  run: (source, tally) =>
    source.eachRow('segments/segmentset-intersect.jsonl', intersectForm, tally, async (row) => {
      const set = new SegmentSet();
      for (const segment of row.set) set.add(segmentOf(segment));
      same('set', set.segments, row.set.map(segmentOf));
      for (const { log, first, last, indices, panic } of row.queries) {
        const ask = (): readonly unknown[] => set.intersect(log, Number(first), Number(last));
        if (last < first) await errorOf(ask);
        else if (panic === undefined)
          same(
            `[${first}, ${last})`,
            ask(),
            (indices ?? []).map((i) => set.segments[i]),
          );
        else {
          tally.differs('queries that the original panics at, for a set that spans logs: answered');
          const touch = row.set.filter(
            (each) =>
              each.log === log &&
              each.firstOffset < last &&
              (each.lastOffset === 0n || each.lastOffset > first),
          );
          same(`[${first}, ${last}) of ${log}`, ask(), touch.map(segmentOf));
        }
      }
    }),
};

const fsmState = z.strictObject({
  lastLog: z.string(),
  nextChecksum: u32,
  nextSeqNo: int64,
  state: z.array(z.string()),
});
const liveForm = z.strictObject({
  id: z.int(),
  note: z.string(),
  hints: hintsForm,
  error: z.string().nullable(),
  fnodes: z.array(int64).nullish(),
  segments: z.array(segmentForm).nullish(),
  newFSM: fsmState.nullish(),
  newFSMError: z.string().nullish(),
  validateError: z.string().nullish(),
});

export const hintsLiveSegments: Category = {
  name: 'hints-live-segments',
  run: (source, tally) =>
    source.eachRow('segments/hints-live-segments.jsonl', liveForm, tally, async (row) => {
      if (row.error !== null || row.newFSMError) {
        await errorOf(() => parseHints(utf8(JSON.stringify(row.hints.json))));
        await errorOf(() => parseHints(row.hints.pbHex));
        return;
      }
      const hints = parseBoth(row.hints);
      const { fnodes, segments } = liveLogSegments(hints);
      same('files', fnodes.map(BigInt), row.fnodes ?? []);
      same('segments', segments, (row.segments ?? []).map(segmentOf));
      const fsm = new Fsm(hints, 'gazette');
      same('state', stateLines(stateOf(fsm)), row.newFSM?.state);
      same(
        'next',
        [BigInt(fsm.nextSeqNo), fsm.nextChecksum],
        [row.newFSM?.nextSeqNo, row.newFSM?.nextChecksum],
      );
      same('last log', fsm.lastLog, row.newFSM?.lastLog);
      // What the original's own check of hints to be stored refuses although it plays them: a log named where it goes without saying. Ours never writes that.
      const repeats = hints.liveNodes.some((node) => node.segments.some(({ log }) => log === hints.log));
      same('refused by Validate', Boolean(row.validateError), repeats);
    }),
};

const decodeForm = z.strictObject({
  note: z.string(),
  value: z.string().optional(),
  valueHex: hex,
  decodeError: z.string().optional(),
  decoded: hintsForm.optional(),
  newFSMError: z.string().optional(),
});

export const hintsDecode: Category = {
  name: 'hints-decode',
  run: (source, tally) =>
    source.eachRow('segments/hints-decode.jsonl', decodeForm, tally, async (row) => {
      if (row.decodeError !== undefined || row.newFSMError !== undefined) {
        await errorOf(() => parseHints(row.valueHex));
        return;
      }
      if (row.decoded === undefined) throw new Error('a row without outcome');
      let hints: FsmHints;
      try {
        hints = parseHints(row.valueHex);
      } catch (error) {
        tally.differs(await reasonToRefuse(error, row.valueHex, row.decoded));
        return;
      }
      same('decoded', hints, parseBoth(row.decoded));
      same('protobuf of it', toHex(encodeHintsProtobuf(hints)), toHex(row.decoded.pbHex));
    }),
};

/** Why a value that the original takes may be refused (DESIGN I12: a damaged value is an error, never fewer hints). @throws the error, for any other */
async function reasonToRefuse(
  error: unknown,
  value: Uint8Array,
  decoded: { readonly json?: unknown; readonly pbHex: Uint8Array },
): Promise<string> {
  if (isOutOfRange(error)) return OUT_OF_RANGE;
  await errorOf(() => {
    throw error;
  });
  const isJson = value[0] === 0x7b;
  if (!isJson && JSON.stringify(decoded.json).includes('\ufffd'))
    return 'path or content that is not UTF-8: typed error';
  if (!isJson && !Buffer.from(decoded.pbHex).equals(value))
    return 'damage that the original drops without a word: typed error';
  const text = isJson ? Buffer.from(value).toString() : '';
  if (/"(?:liveNodes|firstSeqNo|firstOffset|firstChecksum|lastSeqNo|lastOffset)"/.test(text))
    return 'camelCase keys, which the original drops without a word: typed error';
  throw error;
}
