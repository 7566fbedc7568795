/**
 * A writer as a process of its own, to be frozen, killed and cut off: fences, appends, reads and compacts as told, and reports every call and return.
 *
 *   node writer.ts <store URL> <journal> <name> <first record> <epoch ns> [fault]       (credentials from the environment)
 *
 * `fault` makes it a writer that breaks its word, for tests of the tests:
 *   acknowledges-early     says that a record is appended before its slot is committed
 *   reads-without-proof    answers reads from what it knows, without asking whether it has been fenced
 *
 * It ends when its standard input does: nobody is left to tell it anything.
 */
import { createInterface } from 'node:readline';
import {
  errorCode,
  isAbortOf,
  silentLogger,
  systemClock,
  systemRandom,
  type Random,
} from '../../src/base/index.ts';
import { seededRandom } from '../../src/base/testing/index.ts';
import {
  Compactor,
  DEFAULT_COMPACTOR_OPTIONS,
  JournalReader,
  journalMetrics,
  openSession,
  termOf,
  type CompactorOptions,
  type Journal,
  type JournalMetrics,
  type Session,
  type SessionOptions,
} from '../../src/journal/index.ts';
import { openStore } from '../../src/store/index.ts';
import { encodeRecord, indexOf, Records } from './records.ts';
import { Reporter, type Command } from './report.ts';

/** Short, so that a test's faults of a second or two are longer than every patience: attempts, and the session's own. */
const OPTIONS: Partial<SessionOptions> = {
  firstAttemptMs: 300,
  laterAttemptMs: 300,
  giveUpMs: 1500,
  flushIntervalMs: 20,
};
/**
 * Whatever gathers is compacted, and the slots are deleted less than a second later: while those who are frozen or cut off sleep on. The server answers
 * LIST from the present, so that no grace is needed for its sake.
 */
const COMPACTION: CompactorOptions = {
  ...DEFAULT_COMPACTOR_OPTIONS,
  triggerSlots: 20,
  intervalMs: 1000,
  graceMs: 500,
  giveUpMs: 1500,
};
const ports = { clock: systemClock, random: systemRandom };
/** Operations under way at a time while roaming: several share a slot, and several slots follow each other closely. */
const APPENDS_AT_ONCE = 4;
const READS_AT_ONCE = 2;
/** Most time between two operations, and least and most time without a session, ms. The rate bounds the history that must be checked. */
const THINK_MS = 25;
const REST_MS = [100, 1000] as const;
/** Terms are drawn from so many above the log: openers that come at once are not always told the same. */
const TERM_STEPS = 3;
/** A few polls of a reader at the tail. */
const QUIET_MS = 150;

type Fault = 'acknowledges-early' | 'reads-without-proof' | undefined;

class Writer {
  readonly #journal: Journal;
  readonly #name: string;
  readonly #fault: Fault;
  readonly #report: Reporter;
  /** Follows the log between sessions, as a standby does. */
  readonly #reader: JournalReader;
  readonly #records = new Records();
  #wasAtTail = false;
  #session: Session | undefined;
  #opening: Promise<void> | undefined;
  /** The log as this session knows it: what it has read, and what it has appended since, confirmed or not. */
  #log: number[] = [];
  #nextRecord: number;
  #roaming = true;
  readonly #underWay = new Set<Promise<void>>();
  readonly #metrics: JournalMetrics;

  constructor(journal: Journal, name: string, firstRecord: number, report: Reporter, fault: Fault) {
    this.#journal = journal;
    this.#name = name;
    this.#nextRecord = firstRecord;
    this.#report = report;
    this.#fault = fault;
    this.#reader = new JournalReader(journal, ports);
    this.#metrics = {
      ...journalMetrics(),
      ambiguityResolved: () => report.note('slot', 'AMBIGUITY_RESOLVED'),
      leaped: () => report.note('open', 'LEAPED'),
      compacted: () => report.note('compaction', 'COMPACTED'),
      reclaimed: () => report.note('compaction', 'RECLAIMED'),
    };
  }

  async do(command: Command): Promise<void> {
    switch (command.do) {
      case 'hello':
        return;
      case 'open':
        return await this.#openOnce();
      case 'append':
        return await this.#append();
      case 'read':
        return await this.#read();
      case 'roam':
        return await this.#roam(seededRandom(command.seed));
      case 'end':
        this.#roaming = false;
        await Promise.all(this.#underWay);
        return await this.#session?.close();
    }
  }

  async #readTo(isThere: (kind: string) => boolean, signal?: AbortSignal): Promise<void> {
    for (let kind = ''; !isThere(kind);) {
      const event = await this.#reader.next(signal);
      if (event.kind === 'data') this.#records.add(event.begin, event.bytes);
      kind = event.kind;
    }
  }

  /** To the tail; for a reader that was there already, until nothing has come for a while: what it misses then, the race for the fence shows. */
  async #catchUp(): Promise<void> {
    const quiet = this.#wasAtTail ? AbortSignal.timeout(QUIET_MS) : undefined;
    try {
      await this.#readTo((kind) => kind === 'tail', quiet);
      this.#wasAtTail = true;
    } catch (error) {
      if (!isAbortOf(quiet, error)) throw error;
    }
  }

  /** Opens a session if there is none; whoever comes while somebody opens waits for the same. */
  async #openOnce(): Promise<void> {
    if (this.#session?.isOpen) return;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  /** Fences with a term above the log's. Whatever fails leaves it unknown whether the fence stands. */
  async #open(): Promise<void> {
    try {
      await this.#catchUp();
      const author = 1 + systemRandom.below(2 ** 31);
      const term = termOf(this.#reader.cursor.registers) + 1 + systemRandom.below(TERM_STEPS);
      const id = `${this.#name}.${author}`;
      const fenced = this.#report.call({ kind: 'fence', session: id, term });
      const { cursor } = this.#reader;
      const session = await openSession(this.#journal, {
        cursor,
        author,
        term,
        options: OPTIONS,
        metrics: this.#metrics,
        ...ports,
      });
      fenced({ kind: 'fenced', length: indexOf(session.fenceOffset) });
      this.#reader.believe(session.fenceSeq);
      await this.#readTo(() => this.#reader.cursor.nextSeq > session.fenceSeq);
      this.#reader.checkReached(session);
      this.#log = [...this.#records.numbers];
      this.#session = session;
      void session.ended.then((end) => {
        this.#report.note('session ended', end.kind === 'closed' ? 'CLOSED' : end.error.code);
        if (this.#session === session) this.#session = undefined;
      });
    } catch (error) {
      this.#failed('open', error);
    }
  }

  #compact(session: Session): void {
    const compactor = new Compactor(
      { session, ...ports, log: silentLogger, metrics: this.#metrics },
      COMPACTION,
    );
    void compactor.ended.then(() => {
      const { problem } = compactor;
      if (problem) this.#failed('compaction', problem);
    });
  }

  async #append(): Promise<void> {
    const session = this.#session;
    if (!session) return this.#report.note('append', 'NO_SESSION');
    const record = this.#nextRecord++;
    const returned = this.#report.call({ kind: 'append', session: this.#idOf(session), record });
    try {
      const { begin, committed } = session.append(encodeRecord(record), { barrier: true });
      const index = indexOf(begin);
      this.#log[index] = record;
      const early = this.#fault === 'acknowledges-early';
      if (early) returned({ kind: 'appended', index });
      await committed;
      if (!early) returned({ kind: 'appended', index });
    } catch (error) {
      if (this.#fault === undefined && (error as { outcome?: string }).outcome === 'not-appended')
        returned({ kind: 'not-appended' });
      this.#failed('append', error);
    }
  }

  async #read(): Promise<void> {
    const session = this.#session;
    if (!session) return this.#report.note('read', 'NO_SESSION');
    const returned = this.#report.call({ kind: 'read', session: this.#idOf(session) });
    try {
      if (this.#fault !== 'reads-without-proof') await session.readIndex();
      const length = indexOf(session.head);
      returned({ kind: 'saw', length, last: this.#log[length - 1] });
    } catch (error) {
      this.#failed('read', error);
    }
  }

  #idOf(session: Session): string {
    return `${this.#name}.${session.author}`;
  }

  /** An error of a store or of the journal is news; any other is a fault of this program, or of what it tests. */
  #failed(what: string, error: unknown): void {
    const code = errorCode(error) ?? '';
    if (
      !/^(FENCED|STALE_TERM|APPEND_UNKNOWN|NOT_APPENDED|SESSION_ENDED|COMPACTION_FAILED|STORE_\w+)$/.test(
        code,
      )
    )
      throw error;
    this.#report.note(what, code);
  }

  async #roam(random: Random): Promise<void> {
    const between = (least: number, most: number): number => least + random.below(most - least);
    let appends = 0;
    let reads = 0;
    while (this.#roaming) {
      if (!this.#session?.isOpen) {
        await systemClock.sleep(between(...REST_MS));
        if (!this.#roaming) break;
        await this.#openOnce();
        if (this.#session) this.#compact(this.#session);
      } else if (random.unit() < 0.7) {
        if (appends < APPENDS_AT_ONCE) this.#start(this.#append(), (change) => (appends += change));
      } else if (reads < READS_AT_ONCE) {
        this.#start(this.#read(), (change) => (reads += change));
      }
      await systemClock.sleep(random.below(THINK_MS));
    }
  }

  #start(operation: Promise<void>, count: (change: 1 | -1) => void): void {
    count(1);
    const settled = operation.finally(() => {
      count(-1);
      this.#underWay.delete(settled);
    });
    this.#underWay.add(settled);
  }
}

const [url, journalName, name, firstRecord, epochNs, fault] = process.argv.slice(2);
const reporter = new Reporter(BigInt(epochNs!));
const writer = new Writer(
  { store: openStore(url!), name: journalName!, generation: 'g1' },
  name!,
  Number(firstRecord),
  reporter,
  fault as Fault,
);
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command;
  // Not waited for: the next command may be to end. What it must not reject with ends the process, loudly.
  void writer.do(command).then(() => {
    reporter.tell({ kind: 'done', command: command.command });
    if (command.do === 'end') process.exit(0);
  });
}
process.exit(0);
