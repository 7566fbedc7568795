/**
 * The judge of a simulated world: once it has come to rest, a fresh reader reads everything and a fresh writer opens the journal once more. The
 * invariants are those of journal.ts.
 */
import { errorCode } from '../../src/base/index.ts';
import { findPlan, JournalReader, openSession, type Range } from '../../src/journal/index.ts';
import { CALM } from './adversary.ts';
import { encodeRecord, RECORD_BYTES } from './content.ts';
import { readToTail } from './writer.ts';
import { connect, contentOf, type World } from './world.ts';

/** The log as the last reader finds it. */
interface Log {
  readonly end: number;
  readonly fences: ReadonlyMap<number, number>;
  readonly registers: readonly { readonly term: number; readonly author: string }[];
  readonly holes: readonly Range[];
  /** What the newest CHECKPOINT announces. */
  readonly announced: readonly Range[];
}

/** @throws Error with the number of the invariant that does not hold */
export async function judge(world: World): Promise<void> {
  const { clock } = world;
  const log = await clock.run(readAll(world));
  if (world.objects.violation) throw world.objects.violation;
  checkRecords(world, log);
  checkSessions(world, log);
  checkHoles(world, log);
  await clock.run(reopen(world, log));
}

async function readAll(world: World): Promise<Log> {
  const { clock } = world;
  const { journal, random } = connect(world, CALM);
  const reader = new JournalReader(journal, { clock, random });
  const content = contentOf(world, 'the last reader');
  const registers: { term: number; author: string }[] = [];
  const fences = new Map<number, number>();
  const holes: Range[] = [];
  for (;;) {
    const event = await reader.next();
    content.take(event);
    if (event.kind === 'hole') holes.push({ begin: event.begin, end: event.end });
    if (event.kind === 'fence') fences.set(event.seq, event.offset);
    if (event.kind === 'fence' && event.registers)
      registers.push({ term: Number(event.registers['term']), author: event.registers['author'] ?? '' });
    if (event.kind === 'tail') break;
  }
  const announced = (await findPlan(journal))?.index.pruned ?? [];
  return { end: content.end, registers, fences, holes, announced };
}

const within = (ranges: readonly Range[], begin: number, end: number): boolean =>
  ranges.some((range) => range.begin < end && begin < range.end);

function checkRecords(world: World, log: Log): void {
  if (world.truth.end > log.end)
    throw new Error(`X4: somebody read up to ${world.truth.end}, the log ends at ${log.end}`);
  const offsets = world.truth.records();
  for (const { id, begin } of world.acks) {
    const at = offsets.get(id);
    const unread = at === undefined && within(log.announced, begin, begin + RECORD_BYTES); // pruned before anybody read it
    if (at !== begin && !unread)
      throw new Error(`X1: acknowledged record ${id} of offset ${begin} is at ${at}`);
  }
  for (const id of world.refused)
    if (offsets.has(id)) throw new Error(`X2: record ${id}, reported as not appended, is in the log`);
  for (const { id, begin, fenceSeq } of world.acks) {
    const overtaken = world.fences.find((fence) => fence.seq > fenceSeq && begin >= fence.offset);
    if (overtaken)
      throw new Error(
        `X3: record ${id} of session ${fenceSeq} was acknowledged above fence ${overtaken.seq}`,
      );
  }
}

function checkSessions(world: World, log: Log): void {
  for (const { ackedEnd, head } of world.reads) {
    if (head < ackedEnd)
      throw new Error(
        `X5: a read reflected ${head} bytes although ${ackedEnd} were acknowledged before it arrived`,
      );
  }
  log.registers.forEach(({ term, author }, i) => {
    const before = log.registers[i - 1];
    if (before && (term < before.term || (term === before.term && author !== before.author)))
      throw new Error(`X6: term ${term} by ${author} after term ${before.term} by ${before.author}`);
  });
  if (world.damage[0]) throw world.damage[0];
  const inHole = (offset: number): boolean =>
    log.announced.some(({ begin, end }) => begin < offset && offset < end);
  for (const { seq, offset, who } of world.fencesRead) {
    if (log.fences.get(seq) !== offset && !(log.fences.get(seq) === undefined && inHole(offset)))
      throw new Error(
        `X8: ${who} met a fence at slot ${seq}, byte ${offset}; the log has it at ${log.fences.get(seq)}`,
      );
  }
}

/** X10, looking back; that no hole was needed when it was met is told on the spot (world.ts contentOf). */
function checkHoles(world: World, log: Log): void {
  const text = (ranges: readonly Range[]): string =>
    ranges.map(({ begin, end }) => `${begin}-${end}`).join(' ');
  const joined: Range[] = []; // a hole is told in pieces where fences stand at its edges
  for (const { begin, end } of log.holes) {
    const last = joined.at(-1);
    if (last?.end === begin) joined[joined.length - 1] = { begin: last.begin, end };
    else joined.push({ begin, end });
  }
  if (text(joined) !== text(log.announced))
    throw new Error(`X10: holes ${text(joined)} were read, ${text(log.announced)} are announced`);
  for (const { begin, end, who } of world.holes) {
    if (!log.announced.some((range) => range.begin <= begin && end <= range.end))
      throw new Error(`X10: ${who} met the hole [${begin}, ${end}), which no CHECKPOINT announces`);
  }
  for (const { begin, end } of log.announced) {
    if (world.shelf.isNeeded(begin, end))
      throw new Error(`X10: [${begin}, ${end}) is given up although a hint or pin names some of it`);
  }
}

/** X9, on a store that has come to rest. */
async function reopen(world: World, log: Log): Promise<void> {
  const { clock } = world;
  const { journal, random } = connect(world, CALM);
  for (let attempt = 1; ; attempt++) {
    const content = contentOf(world, 'the last opener');
    const cursor = await readToTail(new JournalReader(journal, { clock, random }), content);
    const author = 1 + random.below(2 ** 32 - 2);
    const term = world.nextTerm++;
    try {
      const session = await openSession(journal, { cursor, author, term, clock, random });
      const { begin, committed } = session.append(encodeRecord(world.nextId++), { barrier: true });
      await committed;
      if (begin !== log.end)
        throw new Error(`X9: the next append stands at ${begin}, the log ended at ${log.end}`);
      return;
    } catch (error) {
      if (attempt === 2 || errorCode(error) !== 'FENCED')
        throw new Error(`X9: nobody can open the journal any more: ${String(error)}`, { cause: error });
    }
  }
}
