/**
 * The laboratory of the crash tests: processes that use the journal as any process does, what each of their callers was told, and what must be true
 * when everything has come to rest.
 *
 *   Y1  acknowledged records are in the log exactly once, at the offset that they were given
 *   Y2  what is known not to be appended is not in the log
 *   Y3  what nobody knows is there whole, at its offset, or not at all; nothing else is in the log
 *   Y4  the registers are those of the last fence, with what earlier fences had set; terms never fall
 *   Y5  a hole is announced, and what hints name lies in none
 *   Y6  everything that the newest plan needs is there and whole, and so is every FENCE and FILLER that was ever put (verifyJournal)
 *   Y7  a process that wakes up after its successor has opened acknowledges nothing that was appended since, and no read
 *   Y8  a read misses nothing that was acknowledged before it began
 *   Y9  whoever is not fenced or crashed has no problem
 */
import { ensureError, errorCode, fromUtf8, silentLogger, utf8 } from '../../base/index.ts';
import { seededRandom, VirtualClock, type SeededRandom } from '../../base/testing/index.ts';
import { FaultyStore, MemoryStore } from '../../store/testing/index.ts';
import { copyOf, type Body, type CreateOutcome } from '../../store/index.ts';
import { Compactor } from '../compaction/compactor.ts';
import type { CompactorOptions } from '../compaction/compactor-options.ts';
import { verifyJournal } from '../inspect/verify.ts';
import { findingLine, type FindingKind } from '../inspect/finding.ts';
import { journalMetrics, type JournalMetrics } from '../metrics.ts';
import type { Journal } from '../names.ts';
import { openSession } from '../open/open-session.ts';
import type { SessionOptions } from '../session/options.ts';
import type { PruneEvidence } from '../compaction/prune.ts';
import { JournalReader } from '../read/reader.ts';
import type { Session } from '../session/session.ts';
import { decodeSlotHead, type Registers } from '../format/slot.ts';
import { HINTS_PREFIX, type Phase } from './crash-steps.ts';
import { MortalProcess, MortalWorld, type Fate } from './mortal-process.ts';

/** What one caller appended, and what it was told. */
export interface Told {
  readonly text: string;
  readonly begin: number;
  /** Appended by a process that had slept while its successor opened. */
  readonly afterWaking: boolean;
  outcome: 'acknowledged' | 'not-appended' | 'unknown' | 'nothing yet';
}

/** The objects of a store, and what the processes that made them were told. */
export interface Past {
  readonly objects: ReadonlyMap<string, Uint8Array>;
  readonly told: readonly Told[];
}

export const NO_PAST: Past = { objects: new Map(), told: [] };
/** Content from here on is named by hints: nothing of it may be pruned. */
export const NEEDED_FROM = 120;
/** Holes below a leap fence, which the next session fills (leap-fence.ts L5); the fragment of a compaction that came to no CHECKPOINT. */
const LEFT_BY_THE_DEAD: ReadonlySet<FindingKind> = new Set(['unfilled-slots', 'unnamed-fragment']);
const NAME = { name: 'test/crash', generation: 'g1' } as const;
/** How a life may end that nobody struck. */
const LEGAL_END = /^(FENCED|STALE_TERM|APPEND_UNKNOWN|NOT_APPENDED|SESSION_ENDED|STORE_\w+)$/;
/** What a compactor meets that has slept while its successor compacted: its fragment is gone already. */
const LEGAL_AFTER_SLEEP = /^COMPACTION_FAILED$/;
/** Nobody looks at them, and making them takes longer than a crash. */
export const METRICS: JournalMetrics = journalMetrics();
/** Most objects of the laboratory's listings. */
const PAGE = 1000;

export class Lab {
  readonly clock = new VirtualClock();
  readonly world: MortalWorld;
  readonly random: SeededRandom;
  readonly store: FaultyStore;
  readonly metrics: JournalMetrics;
  readonly told: Told[];
  readonly lives: Life[] = [];
  readonly #memory: NotingStore;
  readonly #past: Past;
  readonly #reads: { readonly acknowledged: number; readonly head: number; readonly who: string }[] = [];

  constructor(past: Past, fate: Fate | undefined, metrics: JournalMetrics = METRICS) {
    this.random = seededRandom(1);
    this.metrics = metrics;
    this.world = new MortalWorld(this.clock, fate);
    this.#memory = new NotingStore({ clock: this.clock });
    this.store = new FaultyStore(this.#memory, { clock: this.clock, random: this.random.fork() });
    this.#past = past;
    this.told = past.told.map((each) => ({ ...each }));
  }

  /** Puts the past into the store; and the hints, where there are none yet. */
  async furnish(): Promise<void> {
    for (const [key, body] of this.#past.objects) await this.#memory.create(key, body);
    for (const slot of ['primary', 'backup-0'])
      await this.#memory.create(
        HINTS_PREFIX + slot,
        utf8(JSON.stringify([{ begin: NEEDED_FROM, end: NEEDED_FROM + 1 }])),
      );
  }

  /** A process with its own way to the store, `latencyMs` there and back each. */
  life(name: string, latencyMs: number): Life {
    const life = new Life(this, new MortalProcess(this.world, name, this.store.as(name), latencyMs));
    this.lives.push(life);
    return life;
  }

  /** End of what is acknowledged. */
  get acknowledged(): number {
    return Math.max(
      0,
      ...this.told.map(({ outcome, begin, text }) => (outcome === 'acknowledged' ? begin + text.length : 0)),
    );
  }

  sawRead(acknowledged: number, head: number, who: string): void {
    this.#reads.push({ acknowledged, head, who });
  }

  /** What the next chapter begins with. */
  async past(): Promise<Past> {
    return { objects: await this.#objects(), told: this.told.map((each) => ({ ...each })) };
  }

  async #objects(): Promise<Map<string, Uint8Array>> {
    const page = await this.#memory.list('', { limit: PAGE });
    if (page.truncated) throw new Error('the story has grown beyond one page');
    const objects = new Map<string, Uint8Array>();
    for (const { key } of page.objects) objects.set(key, (await this.#memory.get(key))!.body);
    return objects;
  }

  /** Checks Y1-Y6, Y8 and Y9 by a fresh reader; resolves with what is wrong, in words. */
  async problems(expected: Registers): Promise<readonly string[]> {
    const { journal, ports } = this.#onlooker();
    const content: { readonly begin: number; readonly text: string }[] = [];
    const holes: { readonly begin: number; readonly end: number }[] = [];
    let terms = 0;
    const problems: string[] = [];
    const reader = new JournalReader(journal, { ...ports, metrics: METRICS });
    for (let event = await reader.next(); event.kind !== 'tail'; event = await reader.next()) {
      if (event.kind === 'data') content.push({ begin: event.begin, text: fromUtf8(event.bytes) });
      if (event.kind === 'hole') holes.push(event);
      if (event.kind !== 'fence' || !event.registers) continue;
      const term = Number(event.registers['term']);
      if (term < terms) problems.push(`Y4: term ${term} after ${terms}`);
      terms = term;
    }
    const { registers } = reader.cursor;
    for (const [name, value] of Object.entries(expected))
      if (registers[name] !== value)
        problems.push(`Y4: register ${name} is ${registers[name]}, not ${value}`);
    for (const { end } of holes)
      if (end > NEEDED_FROM) problems.push(`Y5: the hole up to ${end} holds what hints name`);
    problems.push(...contentProblems(this.told, content, holes));
    for (const { acknowledged, head, who } of this.#reads)
      if (head < acknowledged)
        problems.push(`Y8: a read of ${who} at ${head} misses what was acknowledged up to ${acknowledged}`);
    return [...problems, ...(await this.#objectProblems(journal, ports)), ...this.#lifeProblems()];
  }

  #onlooker(): { journal: Journal; ports: { clock: VirtualClock; random: SeededRandom } } {
    return { journal: { ...NAME, store: this.#memory }, ports: { clock: this.clock, random: this.random } };
  }

  async #objectProblems(
    journal: Journal,
    ports: { clock: VirtualClock; random: SeededRandom },
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    await verifyJournal(journal, {
      ...ports,
      onFinding: (finding) => {
        if (!LEFT_BY_THE_DEAD.has(finding.kind)) problems.push(`Y6: ${findingLine(finding)}`);
      },
    });
    for (const key of this.#memory.kept)
      if (!(await this.#memory.head(key))) problems.push(`Y6: ${key} was a FENCE or FILLER and is gone`);
    return problems;
  }

  #lifeProblems(): readonly string[] {
    return this.lives.flatMap(({ process, compactor, problem, hasSlept }) => {
      if (process.state === 'dead') return [];
      const met = [problem, compactor?.problem].filter((error) => error !== undefined);
      return met.flatMap((error) => {
        const code = errorCode(error) ?? '';
        const isLegal = LEGAL_END.test(code) || (hasSlept && LEGAL_AFTER_SLEEP.test(code));
        return isLegal ? [] : [`Y9: ${process.name} met ${ensureError(error).message}`];
      });
    });
  }
}

/** Y1-Y3: what was told against what is there. */
function contentProblems(
  told: readonly Told[],
  content: readonly { readonly begin: number; readonly text: string }[],
  holes: readonly { readonly begin: number; readonly end: number }[],
): readonly string[] {
  const end = Math.max(0, ...content.map(({ begin, text }) => begin + text.length));
  const log = Array.from({ length: end }, () => ' ');
  for (const { begin, text } of content) for (let i = 0; i < text.length; i++) log[begin + i] = text[i]!;
  const whole = log.join('');
  const explained = Array.from({ length: end }, () => false);
  const problems: string[] = [];
  const isGone = (at: number): boolean => holes.some((hole) => hole.begin <= at && at < hole.end);
  for (const { text, begin, outcome } of told) {
    const bytes = Array.from({ length: text.length }, (_, i) => begin + i).filter((at) => !isGone(at));
    const there = bytes.length > 0 && bytes.every((at) => whole[at] === text[at - begin]);
    if (outcome === 'acknowledged' && bytes.length > 0 && !there)
      problems.push(
        `Y1: ${text} was acknowledged at ${begin}; the log has "${whole.slice(begin, begin + text.length)}"`,
      );
    if (outcome === 'not-appended' && whole.includes(text))
      problems.push(`Y2: ${text}, said not to be appended, is in the log at ${whole.indexOf(text)}`);
    if (whole.split(text).length > 2) problems.push(`Y1: ${text} is in the log twice`);
    if (there && outcome !== 'not-appended') for (const at of bytes) explained[at] = true;
  }
  const stray = explained.findIndex((isExplained, at) => !isExplained && !isGone(at));
  if (stray >= 0) problems.push(`Y3: nobody appended "${whole.slice(stray, stray + 20)}" at ${stray}`);
  return problems;
}

interface OpenAs {
  readonly term: number;
  readonly author: number;
  readonly registers?: Registers;
  readonly options?: Partial<SessionOptions>;
  readonly metrics?: JournalMetrics;
}

/** One process: it reads, opens, appends and compacts, and takes down what it is told. */
export class Life {
  readonly process: MortalProcess;
  readonly journal: Journal;
  session: Session | undefined;
  compactor: Compactor | undefined;
  /** What ended its story, if anything did. */
  problem: unknown;
  /** It has been woken up after its successor had opened. */
  hasSlept = false;
  readonly #lab: Lab;
  readonly #random: SeededRandom;
  #reader: JournalReader | undefined;
  #records = 0;

  constructor(lab: Lab, process: MortalProcess) {
    this.#lab = lab;
    this.process = process;
    this.#random = lab.random.fork();
    this.journal = { ...NAME, store: process.store };
  }

  #enter(phase: Phase): void {
    this.process.phase = phase;
  }

  /** Lives by `story`; whatever ends it is taken down. Never rejects. */
  async lives(story: (life: this) => Promise<void>): Promise<void> {
    try {
      await story(this);
    } catch (error) {
      this.problem = error;
    }
  }

  /** Reads everything, as a standby. */
  async read(): Promise<void> {
    this.#enter('reads');
    this.#reader = new JournalReader(this.journal, {
      clock: this.process.clock,
      random: this.#random,
      metrics: this.#lab.metrics,
    });
    while ((await this.#reader.next()).kind !== 'tail');
  }

  /** Fences the journal, and reads on to its fence. */
  async open({ term, author, registers, options, metrics = this.#lab.metrics }: OpenAs): Promise<Session> {
    const reader = this.#reader!;
    this.#enter('opens');
    const session = await openSession(this.journal, {
      cursor: reader.cursor,
      term,
      author,
      ...(registers ? { registers } : {}),
      options: { flushIntervalMs: 0, ...options },
      clock: this.process.clock,
      random: this.#random,
      metrics,
    });
    this.#enter('catches up');
    reader.believe(session.fenceSeq);
    while (reader.cursor.nextSeq <= session.fenceSeq) await reader.next();
    reader.checkReached(session);
    this.#enter('serves');
    this.session = session;
    return session;
  }

  /** Appends a record of `length` bytes, together with what else is appended now, and waits for what is told. */
  async append(length = 5): Promise<void> {
    const text = `${this.process.name}${String(this.#records++).padStart(length - 2, '0')};`;
    const { begin, committed } = this.session!.append(utf8(text), { barrier: true });
    const told: Told = { text, begin, afterWaking: this.hasSlept, outcome: 'nothing yet' };
    this.#lab.told.push(told);
    try {
      await committed;
      told.outcome = 'acknowledged';
    } catch (error) {
      told.outcome = (error as { outcome: Told['outcome'] }).outcome;
      throw error;
    }
  }

  /** Appends `count` records, one after the other. */
  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.append();
  }

  /** A linearizable read. */
  async readIndex(): Promise<void> {
    const { acknowledged } = this.#lab;
    await this.session!.readIndex();
    this.#lab.sawRead(acknowledged, this.session!.head, this.process.name);
  }

  /** Compacts and prunes from now on. Hints are objects of the same store, so that asking for them is a request like any other (P1). */
  compact(options: Partial<CompactorOptions>, proof = 'hints'): Compactor {
    const { clock, store } = this.process;
    const needed = async (signal: AbortSignal): Promise<PruneEvidence> => {
      const { objects } = await store.list(HINTS_PREFIX, { signal });
      const hints = await Promise.all(objects.map(({ key }) => store.get(key, { signal })));
      const ranges = hints.flatMap((hint) => JSON.parse(fromUtf8(hint!.body)) as PruneEvidence['ranges']);
      return { ranges, proof };
    };
    this.compactor = new Compactor(
      {
        session: this.session!,
        needed,
        clock,
        random: this.#random,
        log: silentLogger,
        metrics: this.#lab.metrics,
      },
      { compression: 'raw', ...options },
    );
    return this.compactor;
  }

  /** What somebody asks of a process that has slept while its successor opened (Y7): what it grants, in words. */
  async grants(): Promise<readonly string[]> {
    this.hasSlept = true;
    if (!this.session) return [];
    const read = this.session.readIndex().then(
      () => `Y7: ${this.process.name} served a read after it had slept`,
      () => undefined,
    );
    const append = this.append().then(
      () => `Y7: ${this.process.name} acknowledged an append after it had slept`,
      () => undefined,
    );
    return (await Promise.all([read, append])).filter((wrong) => wrong !== undefined);
  }
}

/** A store that knows every FENCE and FILLER that ever came to stand in it. */
class NotingStore extends MemoryStore {
  readonly kept = new Set<string>();

  override async create(key: string, body: Body): Promise<CreateOutcome> {
    const outcome = await super.create(key, body);
    if (outcome.kind === 'created' && key.includes('/log/')) {
      const { kind } = decodeSlotHead(copyOf(body), key);
      if (kind === 'fence' || kind === 'filler') this.kept.add(key);
    }
    return outcome;
  }
}
