/**
 * holdfast journal ls: one line a slot, or one line a journal. With --json each line is an object.
 */
import { EXIT } from '../../api/index.ts';
import { describeSlots, listJournals, type Journal, type SlotDescription } from '../../journal/index.ts';
import { formatBytes, formatDuration, isoTime } from '../format.ts';
import { compactedOf, floorOf } from './stat.ts';
import { runOnJournal, runOnStore, type CommonOptions, type Context } from '../run.ts';

/** @returns the exit code */
export async function ls(options: CommonOptions): Promise<number> {
  const json = options.json ?? false;
  if (options.journal === undefined) return await runOnStore(options, (context) => listNames(context, json));
  return await runOnJournal(options, (journal, context) => listLines(journal, context, json));
}

async function listNames({ store, out, signal }: Context, json: boolean): Promise<number> {
  let any = false;
  for await (const { name, generation } of listJournals(store, { signal })) {
    any = true;
    await (json ? out.json({ journal: name, generation }) : out.line(`${name}  generation ${generation}`));
  }
  if (!any) console.error(`No journals in ${store.url}: check bucket and prefix if you expected some.`);
  return EXIT.ok;
}

/** A slot as it is printed; also what stands where there is none. */
type Row =
  | SlotDescription
  | { readonly kind: 'absent' | 'reclaimed'; readonly seq: number; readonly lastSeq: number };

async function listLines(journal: Journal, context: Context, json: boolean): Promise<number> {
  const { out, clock } = context;
  const print = (row: Row): Promise<void> =>
    json ? out.json(jsonRow(row)) : out.line(textRow(row, clock.wallMs()));
  if (!json) {
    await out.line(`${journal.name}  generation ${journal.generation}`);
    await out.line(
      columns('SLOT', 'KIND', 'BEGIN-END', 'SESSION', 'AUTHOR', 'TERM', 'BYTES', 'CODEC', 'AGE'),
    );
  }
  const floor = floorOf(await compactedOf(journal, context));
  let next = 0;
  let damaged = 0;
  for await (const slot of describeSlots(journal, context)) {
    if (slot.kind !== 'stranger') {
      await printGap(next, slot.seq, floor, print);
      next = slot.seq + 1;
      if (slot.kind === 'damaged') damaged++;
    }
    await print(slot);
  }
  if (damaged > 0)
    console.error(`${damaged} slots are damaged: holdfast journal verify says what is wrong with them.`);
  return EXIT.ok;
}

/** Slots [first, end) that are not there: below the floor as it should be. */
async function printGap(
  first: number,
  end: number,
  floor: number,
  print: (row: Row) => Promise<void>,
): Promise<void> {
  const below = Math.min(end, floor);
  if (first < below) await print({ kind: 'reclaimed', seq: first, lastSeq: below - 1 });
  const from = Math.max(first, floor);
  if (from < end) await print({ kind: 'absent', seq: from, lastSeq: end - 1 });
}

function columns(seq: string, kind: string, range: string, ...rest: readonly string[]): string {
  const [session = '', author = '', term = '', size = '', codec = '', age = ''] = rest;
  return [
    seq.padStart(10),
    kind.padEnd(10),
    range.padEnd(25),
    session.padStart(8),
    author.padStart(8),
    term.padStart(6),
    size.padStart(10),
    codec.padEnd(5),
    age.padStart(6),
  ].join('  ');
}

function textRow(row: Row, nowMs: number): string {
  switch (row.kind) {
    case 'absent':
    case 'reclaimed': {
      const slots = row.lastSeq > row.seq ? `${row.seq}-${row.lastSeq}` : `${row.seq}`;
      return `${slots.padStart(10)}  ${row.kind}`;
    }
    case 'stranger':
      return `${'-'.padStart(10)}  stranger    ${row.key}`;
    case 'damaged':
      return `${String(row.seq).padStart(10)}  DAMAGED     ${row.problem} (${row.key})`;
    case 'slot': {
      const { kind, leap, begin, end, session, author, codec } = row.header;
      return columns(
        String(row.seq),
        row.isVoid ? 'void leap' : leap ? 'leap fence' : kind,
        `${begin}-${end}`,
        String(session),
        author.toString(32),
        row.term === undefined ? '?' : String(row.term),
        formatBytes(row.size),
        codec,
        row.lastModifiedMs === undefined ? '?' : formatDuration(nowMs - row.lastModifiedMs),
      );
    }
  }
}

function jsonRow(row: Row): unknown {
  switch (row.kind) {
    case 'absent':
    case 'reclaimed':
      return row;
    case 'stranger':
      return { kind: 'stranger', key: row.key, bytes: row.size };
    case 'damaged':
      return {
        kind: 'damaged',
        seq: row.seq,
        key: row.key,
        bytes: row.size,
        code: row.code,
        problem: row.problem,
      };
    case 'slot': {
      const { kind, leap, begin, end, session, author, codec, registers } = row.header;
      const { seq, key, term, size } = row;
      const modified = isoTime(row.lastModifiedMs);
      return {
        kind,
        seq,
        key,
        begin,
        end,
        session,
        author: author.toString(32),
        term,
        bytes: size,
        codec,
        leap,
        void: row.isVoid,
        registers,
        modified,
      };
    }
  }
}
