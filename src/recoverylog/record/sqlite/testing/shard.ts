/**
 * Primaries of one log with a database each, one after another.
 */
import { newLog, play, takeOver, treeOf, type TestLog } from '../../../testing/index.ts';
import { systemClock, type Clock } from '../../../../base/index.ts';
import { compactJournal } from '../../../../journal/index.ts';
import { encodeHintsJson, neededByHints, type FsmHints, type TakenOver } from '../../../index.ts';
import { RecordedSqlite, type RecordedSqliteOptions } from '../index.ts';
import { MAIN } from './recorded-story.ts';

const FRAGMENT_BYTES = 65_536;
const GRACE_MS = 60_000;
/** Waits no grace: what it protects, late readers, plays no part here. */
const hasty: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  timer: (delayMs, fire) => systemClock.timer(delayMs, fire),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs >= GRACE_MS ? 0 : delayMs, signal),
};

export class Shard {
  readonly log: TestLog = newLog();
  readonly #root: string;
  readonly #options: RecordedSqliteOptions;
  #term = 0;
  #primary: TakenOver | undefined;
  #db: RecordedSqlite | undefined;

  constructor(root: string, options: RecordedSqliteOptions = {}) {
    this.#root = root;
    this.#options = options;
  }

  get db(): RecordedSqlite {
    return this.#db!;
  }

  get primary(): TakenOver {
    return this.#primary!;
  }

  get dir(): string {
    return `${this.#root}/p${this.#term}`;
  }

  get term(): number {
    return this.#term;
  }

  /** The next primary: from the log alone, in a directory of its own, with whatever the one before left in the log. */
  async takeOver(hints?: FsmHints): Promise<this> {
    this.#term++;
    this.#primary = await takeOver(this.log, this.dir, this.#term, hints);
    this.#db = await RecordedSqlite.open(this.#primary.fs, MAIN, this.#options);
    return this;
  }

  /** As a crash does: nothing is closed or waited for. */
  kill(): void {
    this.primary.session.abandon('it is killed');
  }

  /** The log loses what hints do not need. Nobody writes to it then. */
  async prune(hints: FsmHints): Promise<void> {
    this.kill();
    this.#term++;
    const { journal, random } = this.log;
    await compactJournal(journal, {
      term: this.#term,
      needed: neededByHints(journal.name, encodeHintsJson(hints)),
      options: { compression: 'raw', fragmentBytes: FRAGMENT_BYTES, graceMs: GRACE_MS },
      reclaim: true,
      clock: hasty,
      random,
    });
  }

  /** What the store holds of the log, bytes. */
  get storedBytes(): number {
    return [...this.log.store.objects.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** What the directory would be after a restore now. */
  async restored(hints?: FsmHints): Promise<Record<string, string>> {
    const dir = `${this.#root}/r${this.#term}-${this.primary.session.appendedHead}`;
    await play(this.log, dir, hints, true);
    return await treeOf(dir);
  }
}
