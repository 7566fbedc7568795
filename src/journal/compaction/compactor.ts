/**
 * The compactor of a session: decides when to compact, prunes what nobody needs, and reclaims what has become superfluous. It lives as long
 * as its session; whatever it is doing when the session ends may stop at any point.
 *
 * M1  One thing at a time: compaction, CHECKPOINT and deletion follow each other in one loop.
 * M2  A failure costs time, never data: it is logged, kept in `problem`, and the work begins anew later. Damage in the journal stops compaction and
 *     deletion for good: what is left is evidence.
 * M3  The heads it works from are its own session's: it never deletes on the word of a LIST.
 */
import { backoffMs, ensureError, errorCode, type Clock, type Logger, type Random } from '../../base/index.ts';
import { basePlan, compact, publish, type CompactOptions } from './compact.ts';
import { DEFAULT_COMPACTOR_OPTIONS, type CompactorOptions } from './compactor-options.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { JournalMetrics } from '../metrics.ts';
import type { Plan } from '../read/plan.ts';
import { prunedIndex, type PruneEvidence } from './prune.ts';
import { reclaim, sweep, type Superfluous } from './reclaim.ts';
import type { Session } from '../session/session.ts';
import type { Range } from '../format/compaction-index.ts';

export interface CompactorPorts {
  readonly session: Session;
  /** Asked afresh before every pruning. Undefined: not everybody's needs are known now, so nothing may be pruned. Absent: never prune. */
  readonly needed?: ((signal: AbortSignal) => Promise<PruneEvidence | undefined>) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: JournalMetrics;
}

/** Between two looks, ms: far below every interval that makes sense. */
const LOOK_MS = 1000;
/** After a failure. */
const FAILED = { firstMs: 5000, factor: 2, capMs: 300_000, jitter: 0.5 } as const;
/** Codes after which compaction never goes on (M2). */
const DAMAGE: ReadonlySet<string> = new Set([
  'DATA_LOSS',
  'CORRUPT_SLOT',
  'CORRUPT_FRAGMENT',
  'INVARIANT_BROKEN',
]);

interface Pending extends Superfluous {
  readonly readyAtMs: number;
  /** Once it is deleted, nothing is left below this slot: everything lower was superfluous earlier (reclaim.ts K4). */
  readonly floor: number;
}

/** Whether there is reason to compact; pure. */
export function isDue(
  session: Pick<Session, 'confirmed'>,
  plan: Plan | undefined,
  sinceLastMs: number,
  options: CompactorOptions,
): boolean {
  const { nextSeq, offset } = session.confirmed;
  const bytes = offset - (plan?.index.end ?? 0);
  const slots = nextSeq - (plan?.index.floor ?? 0);
  if (bytes >= options.triggerBytes || slots >= options.triggerSlots) return true;
  return bytes > 0 && sinceLastMs >= options.intervalMs;
}

export class Compactor {
  /** Settles when the compactor is over; never rejects. */
  readonly ended: Promise<void>;
  readonly #ports: CompactorPorts;
  readonly #options: CompactorOptions;
  readonly #stop = new AbortController();
  #plan: Plan | undefined;
  #pending: Pending[] = [];
  /** Below this slot nothing is left to delete (reclaim.ts K4). */
  #reclaimed = 0;
  #verified = false;
  #published = 0;
  /** The plan of the journal as it was fenced is known, and what predecessors left below its floor. */
  #begun = false;
  #lastMs: number;
  #lastPruneMs: number;
  /** When this session first saw each fragment published, by its key. */
  #seenAtMs: ReadonlyMap<string, number> = new Map();
  #problem: Error | undefined;

  constructor(ports: CompactorPorts, options: Partial<CompactorOptions> = {}) {
    this.#ports = ports;
    this.#options = { ...DEFAULT_COMPACTOR_OPTIONS, ...options };
    this.#lastMs = this.#lastPruneMs = ports.clock.monotonicMs();
    void ports.session.ended.then(() => this.#stop.abort(new Error('the session is over'))); // never rejects
    this.ended = this.#run();
  }

  /** The newest plan: what this session has published, or found. */
  get plan(): Plan | undefined {
    return this.#plan;
  }

  /** CHECKPOINTs published. */
  get published(): number {
    return this.#published;
  }

  /** What keeps it from working, if anything (M2). */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** Ends it; what is under way stops at the next request. */
  stop(): void {
    this.#stop.abort(new Error('the compactor is told to stop'));
  }

  async #run(): Promise<void> {
    const { clock, log, metrics, random, session } = this.#ports;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (failures === 0) await clock.sleep(LOOK_MS, signal);
        else await clock.sleep(backoffMs(FAILED, failures - 1, random), signal);
        await this.#work(signal);
        this.#tellContent();
        failures = 0;
        this.#problem = undefined;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = ensureError(thrown);
        failures++;
        metrics.compactionFailed(errorCode(error) ?? 'UNKNOWN');
        const journal = session.journal.name;
        const isDamage = DAMAGE.has(errorCode(error) ?? '');
        if (isDamage && (await this.#isFenced())) return;
        this.#problem = error;
        if (isDamage) {
          log.error('the journal is damaged; compaction and deletion have stopped', { journal, error });
          return;
        }
        log.warn('compaction failed; it begins anew later', { journal, failures, error });
      }
    }
  }

  /** Objects that are gone are no damage for a session that is over and does not know it yet: its successor has compacted them. */
  async #isFenced(): Promise<boolean> {
    try {
      await this.#ports.session.readIndex();
      return false;
    } catch {
      return true; // the session ends, or has ended, with the reason
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { clock, session } = this.#ports;
    if (!this.#begun) await this.#begin(signal);
    const due = isDue(session, this.#plan, clock.monotonicMs() - this.#lastMs, this.#options);
    if (due) await this.#compact(signal);
    // Newer hints permit more although nothing was appended.
    if (due || clock.monotonicMs() - this.#lastPruneMs >= this.#options.intervalMs) await this.#prune(signal);
    await this.#reclaim(signal);
  }

  /** The newest CHECKPOINT below the fence; what predecessors left, and what its index retires, with a grace of our own (K2). */
  async #begin(signal: AbortSignal): Promise<void> {
    const { session } = this.#ports;
    const plan = await basePlan(session, signal);
    if (plan) {
      this.#know(plan);
      this.#reclaimed = plan.index.reclaimed;
      const swept = await sweep(session.journal, plan.index, signal);
      this.#later({ ...swept, fragments: plan.index.retired }, plan.index.floor);
    }
    this.#begun = true;
  }

  async #compact(signal: AbortSignal): Promise<void> {
    const { session, log, metrics, clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    const before = this.#plan?.index;
    const base = this.#plan && { ...this.#plan, index: { ...this.#plan.index, reclaimed: this.#reclaimed } };
    const done = await compact(session, base, this.#verified, this.#compactOptions(signal));
    if (!done) return;
    const { plan, deletable, indexes, written } = done;
    this.#adopt(plan);
    this.#verified ||= written.length > 0;
    const fragments = plan.index.retired.filter((fragment) => !before?.retired.includes(fragment));
    this.#later({ slots: deletable, fragments, indexes }, plan.index.floor);
    metrics.compacted(plan.index.end - (before?.end ?? 0), (clock.monotonicMs() - startedMs) / 1000);
    log.info('journal compacted', {
      journal: session.journal.name,
      floor: plan.index.floor,
      end: plan.index.end,
      fragments: plan.index.fragments.length,
      written: written.length,
      checkpoint: plan.seq,
    });
  }

  async #prune(signal: AbortSignal): Promise<void> {
    const { needed, session, log, metrics, clock } = this.#ports;
    const plan = this.#plan;
    this.#lastPruneMs = clock.monotonicMs();
    if (!needed || !plan || plan.index.floor <= session.fenceSeq) return; // N2: a predecessor's plan is not ours to publish
    const oldBeforeMs = clock.monotonicMs() - this.#options.pruneAgeMs;
    const isOld = (fragment: Fragment): boolean =>
      this.#seenAtMs.get(fragmentKey(session.journal, fragment))! <= oldBeforeMs;
    if (!plan.index.fragments.slice(0, -1).some(isOld)) return; // nobody has to be asked
    const needs = await needed(signal);
    const next = needs && prunedIndex(plan.index, needs, isOld);
    if (!needs || !next) return;
    const fragments = next.retired.filter((fragment) => !plan.index.retired.includes(fragment));
    const index = { ...next, reclaimed: this.#reclaimed };
    this.#adopt(await publish(session, index, this.#compactOptions(signal)));
    this.#later({ slots: [], fragments, indexes: [] }, index.floor);
    const bytes = fragments.reduce((sum, { begin, end }) => sum + end - begin, 0);
    metrics.pruned(bytes);
    log.info('journal pruned', {
      journal: session.journal.name,
      bytes,
      fragments: fragments.length,
      checkpoint: this.#plan!.seq,
      proof: needs.proof,
    });
  }

  async #reclaim(signal: AbortSignal): Promise<void> {
    const { clock, session, metrics } = this.#ports;
    for (
      let next = this.#pending[0];
      next && next.readyAtMs <= clock.monotonicMs();
      next = this.#pending[0]
    ) {
      await reclaim(session.journal, next, signal);
      this.#pending.shift();
      this.#reclaimed = next.floor;
      metrics.reclaimed(next.slots.length, next.fragments.length);
      const gone = new Set(next.fragments);
      if (this.#plan && gone.size > 0) {
        const retired = this.#plan.index.retired.filter((fragment) => !gone.has(fragment));
        this.#plan = { ...this.#plan, index: { ...this.#plan.index, retired } }; // the next CHECKPOINT says so
      }
    }
  }

  /** The plan from now on, and since when its fragments are known. */
  #know(plan: Plan): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const { journal } = this.#ports.session;
    const keys = plan.index.fragments.map((fragment) => fragmentKey(journal, fragment));
    this.#seenAtMs = new Map(keys.map((key) => [key, this.#seenAtMs.get(key) ?? nowMs]));
    this.#plan = plan;
  }

  #adopt(plan: Plan): void {
    this.#know(plan);
    this.#published++;
    this.#lastMs = this.#ports.clock.monotonicMs();
  }

  /** Deletes after the grace; then nothing is left below `floor`. */
  #later(superfluous: Superfluous, floor: number): void {
    this.#pending.push({
      ...superfluous,
      floor,
      readyAtMs: this.#ports.clock.monotonicMs() + this.#options.graceMs,
    });
  }

  #tellContent(): void {
    const { session, metrics } = this.#ports;
    const index = this.#plan?.index;
    const bytesOf = (ranges: readonly Range[] = []): number =>
      ranges.reduce((sum, { begin, end }) => sum + end - begin, 0);
    metrics.content({
      slots: session.head - (index?.end ?? 0),
      fragments: bytesOf(index?.fragments),
      pruned: bytesOf(index?.pruned),
    });
  }

  #compactOptions(signal: AbortSignal): CompactOptions {
    const { compression, fragmentBytes, giveUpMs } = this.#options;
    const { clock, random } = this.#ports;
    return { codec: compression, fragmentBytes, giveUpMs, clock, random, signal };
  }
}
