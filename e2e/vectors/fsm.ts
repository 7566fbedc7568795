/**
 * fsm/: sequences of operations through the state machine, by the original's rules, and the hints of the states that they lead to.
 */
import { z } from 'zod';
import { toHex, utf8 } from '../../src/base/index.ts';
import {
  decodeOp,
  encodeHintsJson,
  encodeHintsProtobuf,
  FrameReader,
  Fsm,
  liveLogSegments,
  parseHints,
  type FsmHints,
  type RecordedOp,
  type Rejection,
} from '../../src/recoverylog/testing/index.ts';
import type { Category } from './category.ts';
import { hex, hintsForm, int64, opForm, opOf, present, segmentForm, segmentOf } from './forms.ts';
import type { VectorSource } from './source.ts';
import { digestOf, stateLines, stateOf } from './state.ts';
import { errorOf, isOutOfRange, same, Tally } from './tally.ts';

const REJECTIONS: Readonly<Record<string, Rejection>> = {
  ErrNotHintedAuthor: 'not-hinted-author',
  ErrWrongSeqNo: 'wrong-seq-no',
  ErrChecksumMismatch: 'checksum-mismatch',
  ErrExpectedHintedFnode: 'expected-hinted-fnode',
  ErrLinkExists: 'link-exists',
  ErrPropertyExists: 'property-exists',
  ErrNoSuchLink: 'no-such-link',
  ErrFnodeNotTracked: 'not-tracked',
};
const OUT_OF_RANGE = 'number beyond 2^53-1 or below 0: typed error';

const state = { digest: z.string().optional(), state: z.array(z.string()).optional() };
const fsmForm = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('start'),
    seq: z.int(),
    kind: z.string(),
    hints: hintsForm,
    error: z.string().nullish(),
    ...state,
  }),
  z.strictObject({
    type: z.literal('op'),
    seq: z.int(),
    i: z.int(),
    op: opForm,
    payloadHex: hex,
    error: z.string().nullable(),
    ...state,
    digest: z.string(),
  }),
]);
type FsmRow = z.infer<typeof fsmForm>;
type OpRow = Extract<FsmRow, { type: 'op' }>;
type StartRow = Extract<FsmRow, { type: 'start' }>;

/** Where a sequence stands. `beyond`: it has led out of the numbers that ours carries, and whatever follows cannot be compared. */
type Place = { readonly fsm: Fsm } | 'refused' | 'beyond';

/** The value in both encodings; both must be the same. @throws as parseHints */
export function parseBoth(hints: { readonly json?: unknown; readonly pbHex: Uint8Array }): FsmHints {
  const fromProtobuf = parseHints(hints.pbHex);
  same('hints from JSON', parseHints(utf8(JSON.stringify(hints.json))), fromProtobuf);
  return fromProtobuf;
}

async function start(row: StartRow, tally: Tally): Promise<Place> {
  if (row.error) {
    await errorOf(() => parseHints(utf8(JSON.stringify(row.hints.json))));
    await errorOf(() => parseHints(row.hints.pbHex));
    return 'refused';
  }
  let hints: FsmHints;
  try {
    hints = parseBoth(row.hints);
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
    await errorOf(() => parseHints(utf8(JSON.stringify(row.hints.json))));
    tally.differs(OUT_OF_RANGE);
    return 'beyond';
  }
  const fsm = new Fsm(hints, 'gazette');
  check(fsm, row);
  return { fsm };
}

function check(fsm: Fsm, row: FsmRow): void {
  const lines = stateLines(stateOf(fsm));
  if (row.state) same('state', lines, row.state);
  same('digest', digestOf(lines), row.digest);
}

/** The operation and where it lies, as a reader of ours would give them. @throws PositionError */
function given(row: OpRow): {
  readonly op: RecordedOp;
  readonly firstOffset: number;
  readonly lastOffset: number;
} {
  const op = decodeOp(row.payloadHex);
  const [first, last] = [row.op.firstOffset, row.op.lastOffset].map((at) => Number(at ?? 0n));
  return {
    op,
    firstOffset: new FrameReader('a/log', first!).offset,
    lastOffset: new FrameReader('a/log', last!).offset,
  };
}

function step(place: Place, row: OpRow, tally: Tally): Place {
  if (place === 'refused') throw new Error('an operation behind hints that were refused');
  let next: ReturnType<typeof given>;
  try {
    next = given(row);
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
    tally.differs(OUT_OF_RANGE);
    return 'beyond';
  }
  if (place === 'beyond') {
    tally.differs('operation behind one that was out of range: not reached');
    return place;
  }
  same('operation', present(next.op), opOf(row.op));
  const { op, firstOffset, lastOffset } = next;
  const rejection = place.fsm.apply(op, row.payloadHex, { firstOffset, lastOffset, log: row.op.log ?? '' });
  const wanted = row.error === null ? undefined : REJECTIONS[row.error];
  if (row.error !== null && wanted === undefined) throw new Error(`an error of no known name: ${row.error}`);
  same(`answer at ${row.i}`, rejection, wanted);
  check(place.fsm, row);
  return place;
}

/** Plays every sequence; `seen` after each row that was compared. */
async function play(
  source: VectorSource,
  tally: Tally,
  seen: (seq: number, fsm: Fsm) => void = () => undefined,
): Promise<void> {
  let place: Place = 'refused';
  let sequence: number | undefined;
  await source.eachRow('fsm/fsm.jsonl', fsmForm, tally, async (row) => {
    const before = row.seq === sequence ? place : 'refused';
    sequence = row.seq;
    place = 'refused'; // until this row has passed: what follows a failed one fails too
    place = row.type === 'start' ? await start(row, tally) : step(before, row, tally);
    if (typeof place === 'object') seen(row.seq, place.fsm);
  });
}

export const fsmSequences: Category = { name: 'fsm', run: (source, tally) => play(source, tally) };

const buildForm = z.union([
  z.strictObject({
    seq: z.int(),
    note: z.string(),
    log: z.string(),
    state: z.array(z.string()),
    hints: hintsForm,
    reloadError: z.literal(true),
  }),
  z.strictObject({
    seq: z.int(),
    note: z.string(),
    log: z.string(),
    state: z.array(z.string()),
    hints: hintsForm,
    reloadError: z.undefined().optional(),
    fnodes: z.array(int64),
    segments: z.array(segmentForm),
  }),
]);

/** The states are those that the sequences of fsm.jsonl lead to: they are played, and asked for hints where a state of these rows comes up. */
export const buildHints: Category = {
  name: 'buildhints',
  run: async (source, tally) => {
    const states = new Map<string, Set<string>>();
    await source.eachRow('fsm/buildhints.jsonl', buildForm, new Tally(), ({ seq, state: lines, log }) => {
      const key = `${seq} ${digestOf(lines)}`;
      states.set(key, (states.get(key) ?? new Set()).add(log));
    });
    const built = new Map<string, FsmHints>();
    await play(source, new Tally(), (seq, fsm) => {
      const key = `${seq} ${digestOf(stateLines(stateOf(fsm)))}`;
      for (const log of states.get(key) ?? []) built.set(`${key} ${log}`, fsm.buildHints(log));
    });
    await source.eachRow('fsm/buildhints.jsonl', buildForm, tally, async (row) => {
      const hints = built.get(`${row.seq} ${digestOf(row.state)} ${row.log}`);
      if (!hints) {
        const error = await errorOf(() => parseHints(row.hints.pbHex));
        if (!isOutOfRange(error)) throw new Error(`sequence ${row.seq} never came to this state`);
        tally.differs(OUT_OF_RANGE);
        return;
      }
      same('hints in JSON', JSON.parse(Buffer.from(encodeHintsJson(hints)).toString()), row.hints.json);
      same('hints in protobuf', toHex(encodeHintsProtobuf(hints)), toHex(row.hints.pbHex));
      if (row.reloadError) {
        await errorOf(() => parseHints(utf8(JSON.stringify(row.hints.json))));
        await errorOf(() => parseHints(row.hints.pbHex));
        return;
      }
      const { fnodes, segments } = liveLogSegments(parseBoth(row.hints));
      same('files', fnodes.map(BigInt), row.fnodes);
      same('segments', segments, row.segments.map(segmentOf));
    });
  },
};
