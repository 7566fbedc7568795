/**
 * restore: brings the directory back from the first hints that lead to the end of the log.
 *
 *   [look: [candidate: player -> tail | failure] ...] ... -> restored | error
 *
 * R1  Candidates are tried one after the other, each from an empty directory (recoverylog: Player). Why one was passed over is kept, logged and counted.
 * R2  What no other hints can mend ends the restore at once, and when nothing is left the most telling failure is the error, with all others in it. An empty
 *     or an older state is never taken instead: a log that falls short of what any hints name has lost its end (restore-candidates C2), and one that
 *     has content but no operation has lost its beginning.
 * R3  A restore may take so long that its hints are pruned away under it. So before it gives up, the slots are looked at again; new hints are tried like the
 *     first ones.
 * R4  Whoever follows sees one directory: what a failed attempt may have shown is taken back before the next one begins (followed-directory.ts).
 */
import {
  ensureError,
  equalBytes,
  errorCode,
  HoldfastError,
  isAbortOf,
  type CounterMetric,
  type Logger,
  type Metrics,
} from '../base/index.ts';
import { HistoryLostError, type Player } from '../recoverylog/index.ts';
import type { FollowedDirectory } from './followed-directory.ts';
import {
  failureOf,
  whyNotTried,
  type Candidate,
  type Candidates,
  type Failure,
  type PassedOver,
  type RestoreSource,
} from './restore-candidates.ts';

/** Which hints a restore used, and why not newer ones. */
export interface RestoreReport {
  readonly from: RestoreSource;
  readonly passedOver: readonly PassedOver[];
}

/** None of the ways to restore the log works. The cause is the most telling failure; the fields have all. */
export class RestoreError extends HoldfastError {
  constructor(log: string, cause: Error, passedOver: readonly PassedOver[]) {
    const told = passedOver.map(({ from, error }) => `${from}: ${codeOf(error)}`).join(', ');
    super(
      'RESTORE_FAILED',
      `Recovery log ${log} cannot be restored (${told}). Nothing was served; repair what the cause names, or restore a snapshot.`,
      {
        fields: {
          log,
          ...Object.fromEntries(
            passedOver.map(({ from, error }) => [from, `${codeOf(error)}: ${error.message}`]),
          ),
        },
        cause,
      },
    );
  }
}

/** What a restore needs of a player. */
export type RestoringPlayer = Pick<Player, 'live' | 'tailing' | 'run' | 'progress'>;

export interface RestoreOptions<P extends RestoringPlayer> {
  /** Name of the log. */
  readonly name: string;
  /** What there is to start from now. @throws when that cannot be told, ever */
  readonly look: () => Promise<Candidates>;
  /** @param known the log has history @throws HintsError, ReplayError */
  readonly playerFor: (candidate: Candidate, known: boolean) => P;
  readonly directory: FollowedDirectory;
  /** An attempt begins; `running` settles when its player has closed its files. */
  readonly onAttempt: (player: P, running: Promise<void>, report: RestoreReport) => void;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Restored<P> {
  /** At the tail. */
  readonly player: P;
  /** The player's work; rejects when it fails later. */
  readonly running: Promise<void>;
}

/** Restores from the first candidate that works (R1-R3). @throws RestoreError, the error of the only attempt, what cannot be mended, the signal's reason */
export async function restore<P extends RestoringPlayer>(
  options: RestoreOptions<P>,
  signal: AbortSignal,
): Promise<Restored<P>> {
  const attempts = options.metrics.counter({
    name: 'holdfast_restore_attempts_total',
    help: 'Restores by what they started from (a hints slot, or the beginning of the log) and outcome (restored, or an error code).',
    labels: ['hints', 'outcome'],
  });
  for (let candidates = await options.look(); ;) {
    const round = new Round(options, candidates, attempts, signal);
    const restored = await round.run();
    if (restored) return restored;
    const now = await options.look();
    if (!offersMore(now, candidates)) throw round.failure();
    candidates = now; // R3
  }
}

/** One turn through all candidates. */
class Round<P extends RestoringPlayer> {
  readonly #options: RestoreOptions<P>;
  readonly #candidates: Candidates;
  readonly #attempts: CounterMetric;
  readonly #signal: AbortSignal;
  readonly #tried: Failure[] = [];
  #passedOver: readonly PassedOver[] = [];

  constructor(
    options: RestoreOptions<P>,
    candidates: Candidates,
    attempts: CounterMetric,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#candidates = candidates;
    this.#attempts = attempts;
    this.#signal = signal;
  }

  /** Undefined when none of them works. @throws what none can mend, the signal's reason */
  async run(): Promise<Restored<P> | undefined> {
    for (const passed of this.#candidates.passedOver) this.#passOver(passed);
    for (const candidate of this.#candidates.all) {
      const error = whyNotTried(candidate, this.#tried);
      const restored = error ? undefined : await this.#attempt(candidate);
      if (restored) return restored;
      if (error) this.#passOver({ from: candidate.from, error });
    }
    return undefined;
  }

  /** Why none of them works. */
  failure(): Error {
    return this.#failed(mostTelling(this.#passedOver));
  }

  /** Undefined when others may mend what went wrong. @throws what none can (R2) */
  async #attempt(candidate: Candidate): Promise<Restored<P> | undefined> {
    const { playerFor, directory, onAttempt, log } = this.#options;
    const { from } = candidate;
    const end = new AbortController();
    let player: P | undefined;
    let running: Promise<void> | undefined;
    try {
      this.#signal.throwIfAborted();
      player = playerFor(candidate, this.#candidates.known);
      directory.show(player.live); // R4
      running = player.run(AbortSignal.any([this.#signal, end.signal]));
      onAttempt(player, running, { from, passedOver: this.#passedOver });
      await Promise.race([player.tailing, running]);
      this.#checkWhole(candidate, player);
    } catch (error) {
      end.abort(error);
      await running?.catch(() => undefined); // its files are closed now; why it ended is `error`
      if (isAbortOf(this.#signal, error)) throw error;
      this.#attempts.add(1, { hints: from, outcome: codeOf(error) });
      const failure = failureOf(candidate, error, player?.progress.appliedOffset ?? 0);
      if (!failure) throw this.#failed({ from, error: ensureError(error) });
      this.#tried.push(failure);
      this.#passOver(failure);
      return undefined;
    }
    this.#attempts.add(1, { hints: from, outcome: 'restored' });
    if (this.#passedOver.length > 0) log.warn('restored, but not from the newest hints', { from });
    return { player, running };
  }

  /** R2 @throws HistoryLostError */
  #checkWhole(candidate: Candidate, { progress }: P): void {
    const { log, reach } = this.#candidates;
    const { headOffset, appliedOps } = progress;
    if (reach && headOffset < reach.offset)
      throw new HistoryLostError(
        log,
        `it ends at byte ${headOffset}, and the hints in slot ${reach.from} name bytes up to ${reach.offset}`,
        'ends-early',
      );
    if (candidate.from === 'beginning' && headOffset > 0 && appliedOps === 0)
      throw new HistoryLostError(
        log,
        `none of its ${headOffset} bytes is the first operation of a log`,
        'operations-missing',
      );
  }

  #passOver(passed: PassedOver): void {
    const { log, name } = this.#options;
    this.#passedOver = [...this.#passedOver, { from: passed.from, error: passed.error }];
    const { from, error } = passed;
    if (codeOf(error) === 'RESTORE_NOT_TRIED') log.warn(error.message, { log: name, from });
    else log.error('hints were passed over', { log: name, from, code: codeOf(error), error });
  }

  /** The error of a restore that ends with `last`. */
  #failed(last: PassedOver): Error {
    const isNoted = this.#passedOver.some(({ error }) => error === last.error);
    const all = isNoted ? this.#passedOver : [...this.#passedOver, last];
    return all.length === 1 ? last.error : new RestoreError(this.#options.name, last.error, all);
  }
}

/** Whether `now` has hints that `before` had not. */
function offersMore(now: Candidates, before: Candidates): boolean {
  return now.all.some(
    ({ value }) =>
      value !== undefined &&
      !before.all.some((each) => each.value !== undefined && equalBytes(each.value, value)),
  );
}

/** From what says most about the log to what says most about single hints. */
const TELLING = ['DATA_LOSS', 'CORRUPT_SLOT', 'CORRUPT_FRAGMENT', 'HISTORY_LOST', 'REPLAY_FAILED'];

/** The failure that a person should see first; of equal ones that of the newest hints. */
function mostTelling(passedOver: readonly PassedOver[]): PassedOver {
  const rank = ({ error }: PassedOver): number => {
    const at = TELLING.indexOf(codeOf(error));
    return at < 0 ? TELLING.length : at;
  };
  return passedOver.reduce((best, each) => (rank(each) < rank(best) ? each : best));
}

/** How an error is called in metrics and reports. */
export function codeOf(error: unknown): string {
  return errorCode(error) ?? 'INTERNAL';
}
