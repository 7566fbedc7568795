/**
 * The verdict on what processes reported of one journal: every rule that a history of real processes must keep.
 *
 *   J1  The history of appends, fences and reads is linearizable (harness/journal-model.ts), with a last look at the whole log.
 *   J2  Every acknowledged record is in the log once, where it was said to be.
 *   J3  No record that was reported as not appended is in the log; nothing is there that nobody appended.
 *   J4  What a tailer met is a beginning of the log.
 *   J5  The journal is whole: verification has nothing to find.
 */
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { findingLine, JournalReader, verifyJournal, type Journal } from '../../src/journal/index.ts';
import { journalModel, type JournalInput, type JournalOutput } from '../harness/journal-model.ts';
import { checkLinearizable, describeVerdict, type Operation } from '../harness/linearizability.ts';
import type { Program } from './program.ts';
import { RECORD_BYTES, Records } from './records.ts';

export interface Heard {
  readonly name: string;
  readonly program: Pick<Program, 'lines' | 'failure'>;
}

/** What was seen of a run, and what of it was wrong: nothing, if all is well. */
export interface Judgement {
  readonly wrong: readonly string[];
  /** J1 alone, in words. */
  readonly history: string;
  readonly linearizable: boolean;
  readonly records: number;
  readonly acknowledged: number;
  readonly notAppended: number;
  readonly unknown: number;
  readonly fences: number;
  readonly reads: number;
  readonly tailed: number;
  /** How often each code was noted. */
  readonly notes: Readonly<Record<string, number>>;
}

type HistoryOperation = Operation<JournalInput, JournalOutput>;

const ports = { clock: systemClock, random: systemRandom };

/** Reads the journal to its tail. */
export async function readAll(journal: Journal): Promise<number[]> {
  const reader = new JournalReader(journal, ports);
  const records = new Records();
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'data') records.add(event.begin, event.bytes);
    if (event.kind === 'tail') return records.numbers;
  }
}

/** Judges when all writers are over. `journal` is on a store that nothing disturbs; `nowUs` the time of the epoch's clock. */
export async function judge(
  journal: Journal,
  writers: readonly Heard[],
  tailers: readonly Heard[],
  nowUs: () => number,
): Promise<Judgement> {
  const calledAt = nowUs();
  const log = await readAll(journal);
  const output: JournalOutput = { kind: 'saw', length: log.length, last: log.at(-1) };
  const look: HistoryOperation = {
    process: 'reader',
    input: { kind: 'look' },
    calledAt,
    returned: { at: nowUs(), output },
  };
  const operations = writers.flatMap(operationsOf);
  const verdict = checkLinearizable(journalModel(log), [...operations.filter(matters), look]);
  const history = describeVerdict(verdict);
  const failures = [...writers, ...tailers].flatMap(({ name, program: { failure } }) =>
    failure === undefined ? [] : [`${name}: ${failure}`],
  );
  failures.push(...(await wrongInStore(journal, log.length)));
  const told = (kind: JournalInput['kind']): HistoryOperation[] =>
    operations.filter(({ input }) => input.kind === kind);
  const answered = (kind: JournalOutput['kind']): number =>
    operations.filter(({ returned }) => returned?.output.kind === kind).length;
  return {
    wrong: [
      ...(verdict.kind === 'linearizable' ? [] : [`J1: ${history}`]),
      ...wrongRecords(log, told('append')),
      ...tailers.flatMap(({ name, program }) => wrongTail(name, program, log)),
      ...failures,
    ],
    history,
    linearizable: verdict.kind === 'linearizable',
    records: log.length,
    acknowledged: answered('appended'),
    notAppended: answered('not-appended'),
    unknown: told('append').filter(({ returned }) => !returned).length,
    fences: answered('fenced'),
    reads: answered('saw'),
    tailed: Math.max(0, ...tailers.map(({ program }) => recordsTailed(program).length)),
    notes: countNotes(writers),
  };
}

/** A read without an answer says nothing; what was not appended is J3's. */
function matters({ input, returned }: HistoryOperation): boolean {
  if (input.kind === 'read') return returned !== undefined;
  return returned?.output.kind !== 'not-appended';
}

function operationsOf({ name, program }: Heard): HistoryOperation[] {
  const calls = new Map<number, HistoryOperation>();
  for (const line of program.lines) {
    if (line.kind === 'call') {
      const { op, input, at: calledAt } = line;
      calls.set(op, { process: name, input, calledAt, returned: undefined });
    } else if (line.kind === 'return') {
      const { op, at, output } = line;
      calls.set(op, { ...calls.get(op)!, returned: { at, output } });
    }
  }
  return [...calls.values()];
}

function wrongRecords(log: readonly number[], appends: readonly HistoryOperation[]): string[] {
  const wrong: string[] = [];
  const at = new Map<number, number>();
  log.forEach((record, index) => {
    if (at.has(record)) wrong.push(`J2: record ${record} is in the log at ${at.get(record)} and at ${index}`);
    at.set(record, index);
  });
  const known = new Set<number>();
  for (const { input, returned } of appends) {
    if (input.kind !== 'append') continue;
    const { record } = input;
    known.add(record);
    const output = returned?.output;
    if (output?.kind === 'appended' && at.get(record) !== output.index)
      wrong.push(`J2: record ${record}, acknowledged at ${output.index}, is at ${at.get(record)}`);
    if (output?.kind === 'not-appended' && at.has(record))
      wrong.push(`J3: record ${record}, reported as not appended, is at ${at.get(record)}`);
  }
  for (const record of log) if (!known.has(record)) wrong.push(`J3: nobody appended record ${record}`);
  return wrong;
}

async function wrongInStore(journal: Journal, records: number): Promise<string[]> {
  const findings: string[] = [];
  const report = await verifyJournal(journal, {
    ...ports,
    onFinding: (found) => findings.push(findingLine(found)),
    atLeastBytes: records * RECORD_BYTES,
  });
  if (report.verdict === 'clean' && report.contentEnd === records * RECORD_BYTES) return [];
  return [`J5: ${report.verdict}, content ends at ${report.contentEnd}`, ...findings];
}

/** The records that a tailer met, in order. */
export function recordsTailed(program: Heard['program']): number[] {
  return program.lines.flatMap((line) => (line.kind === 'tailed' ? line.records : []));
}

function wrongTail(name: string, program: Heard['program'], log: readonly number[]): string[] {
  const index = recordsTailed(program).findIndex((record, i) => log[i] !== record);
  return index < 0 ? [] : [`J4: ${name} met another record at ${index} than the log has`];
}

function countNotes(writers: readonly Heard[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { program } of writers)
    for (const line of program.lines)
      if (line.kind === 'note') counts[line.code] = (counts[line.code] ?? 0) + 1;
  return counts;
}
