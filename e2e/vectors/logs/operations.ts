/**
 * logs/<scenario>/journal-N.ops.jsonl: what a frame reader finds in the raw bytes of a journal.
 */
import { z } from 'zod';
import { ensureError, HoldfastError } from '../../../src/base/index.ts';
import { FrameReader } from '../../../src/recoverylog/testing/index.ts';
import type { Category } from '../category.ts';
import { inRange, int64, isText, opForm, opOf, present } from '../forms.ts';
import type { VectorSource } from '../source.ts';
import { same, type Tally } from '../tally.ts';
import { loadOrFail, type GoldenJournal } from './scenario.ts';

const rowForm = z.union([
  z.strictObject({ offset: int64, end: int64, op: opForm, payloadError: z.string().optional() }),
  z.strictObject({ offset: int64, desync: z.int().positive() }),
]);

/** One thing found: an operation, one that cannot be read, or bytes that are none. */
type Found =
  | { readonly kind: 'op'; readonly begin: number; readonly end: number; readonly op: unknown }
  | { readonly kind: 'refused' | 'desync'; readonly begin: number; readonly end: number };

/** Everything in a journal; bytes between operations are one piece, however they come. `ends`: where an operation that is refused ends. */
function found(journal: GoldenJournal, ends: ReadonlyMap<number, number>): Map<number, Found> {
  const all = new Map<number, Found>();
  let desync: Found | undefined;
  let reader = new FrameReader(journal.name, 0);
  reader.push(journal.content);
  for (;;) {
    let frame: ReturnType<FrameReader['next']>;
    try {
      frame = reader.next();
    } catch (error) {
      const end = ends.get(reader.offset);
      if (!(error instanceof HoldfastError) || end === undefined) throw error;
      all.set(reader.offset, { kind: 'refused', begin: reader.offset, end });
      reader = new FrameReader(journal.name, end);
      reader.push(journal.content.subarray(end));
      continue;
    }
    if (!frame) break;
    const { firstOffset: begin, lastOffset: end } = frame;
    if (frame.kind === 'op') all.set(begin, { kind: 'op', begin, end, op: present(frame.op) });
    else {
      const from = desync?.end === begin ? desync.begin : begin;
      desync = { kind: 'desync', begin: from, end };
      all.set(from, desync);
    }
  }
  if (reader.pending > 0)
    all.set(reader.offset, { kind: 'desync', begin: reader.offset, end: journal.content.length });
  return all;
}

/** The rows as things found; bytes that are no operation are one piece here too. */
function wantedOf(rows: readonly z.infer<typeof rowForm>[]): readonly Found[] {
  const wanted: Found[] = [];
  for (const row of rows) {
    const begin = Number(row.offset);
    if ('op' in row) {
      const refused = row.payloadError !== undefined || !inRange(row.op) || !isText(row.op);
      const end = Number(row.end);
      wanted.push(refused ? { kind: 'refused', begin, end } : { kind: 'op', begin, end, op: opOf(row.op) });
      continue;
    }
    const last = wanted.at(-1);
    const joins = last?.kind === 'desync' && last.end === begin;
    if (joins) wanted.pop();
    wanted.push({ kind: 'desync', begin: joins ? last.begin : begin, end: begin + row.desync });
  }
  return wanted;
}

async function check(source: VectorSource, journal: GoldenJournal, tally: Tally): Promise<void> {
  const rows = await source.rows(journal.opsFile, rowForm);
  for (const each of rows) if ('problem' in each) tally.fail(each.id, each.problem);
  const wanted = wantedOf(rows.flatMap((each) => ('row' in each ? [each.row] : [])));
  const ends = new Map(wanted.flatMap((each) => (each.kind === 'refused' ? [[each.begin, each.end]] : [])));
  const all = found(journal, ends);
  for (const each of wanted)
    await tally.vector(`${journal.opsFile} at ${each.begin}`, () => {
      same('found', all.get(each.begin), each);
      all.delete(each.begin);
    });
  for (const each of all.values())
    tally.fail(`${journal.opsFile} at ${each.begin}`, 'the original found nothing here');
}

export const logOperations: Category = {
  name: 'logs operations',
  run: async (source, tally) => {
    for (const name of await source.folders('logs')) {
      const scenario = await loadOrFail(source, name, tally);
      for (const journal of scenario?.journals ?? [])
        try {
          await check(source, journal, tally);
        } catch (error) {
          tally.fail(journal.opsFile, ensureError(error).message);
        }
    }
  },
};
