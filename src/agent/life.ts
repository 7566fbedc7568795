/**
 * The life of a shard's process: restore, follow, take over, serve, hand back (DESIGN §4.4).
 *
 * G1  Orders come from the own Shard only (orders.ts), and are looked at whenever the Shard or the own state changes. An order that comes too early
 *     is met when the log has been played to its end.
 * G2  Whatever ends a life ends it through one table (outcome.ts), and only once: the first reason stands.
 * G3  What passes by itself never ends a life: the store or the API server being away is told in the heartbeat, and waited for.
 * G4  A primary that stops on purpose first answers what it has taken, then closes its session, then says `released`; hints come last, because nobody
 *     waits for them.
 */
import type { Shard } from '../api/index.ts';
import {
  backoffMs,
  deadline,
  ensureError,
  errorCode,
  HoldfastError,
  raceAbort,
  type BackoffPolicy,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../base/index.ts';
import {
  Compactor,
  findJournal,
  journalMetrics,
  type Journal,
  type JournalMetrics,
  type Session,
  type SessionEnd,
} from '../journal/index.ts';
import type { HintsSlots } from '../persistence/index.ts';
import { Player, type Disk } from '../recoverylog/index.ts';
import { requireFitStore, StoreError, type ObjectStore } from '../store/index.ts';
import type { Application } from './application.ts';
import type { AgentConfig } from './config.ts';
import { HeartbeatHub } from './heartbeat-hub.ts';
import { FollowedDirectory } from './followed-directory.ts';
import { HintsKeeper } from './hints-keeper.ts';
import { startAgentHttp } from './http.ts';
import { logNeeds } from './log-needs.ts';
import { LoopLag } from './loop-lag.ts';
import { orderFor } from './orders.ts';
import { exitFor, released } from './outcome.ts';
import { Peers } from './peers.ts';
import { takeOver } from './promotion.ts';
import { candidatesOf, type Candidates } from './restore-candidates.ts';
import { restore, type RestoreReport } from './restore.ts';
import { checkMove, isReady, type AgentExit, type AgentState, type HandoffTimes } from './state.ts';
import { offsetsOf, statusLine } from './status-line.ts';

export interface AgentParts {
  readonly config: AgentConfig;
  readonly application: Application;
  readonly store: ObjectStore;
  readonly hints: HintsSlots;
  /** Whether the RecoveryLog says that its log has history. */
  readonly isInitialized: (signal: AbortSignal) => Promise<boolean>;
  /** Names of the pins of the RecoveryLog (log-needs.ts). */
  readonly pins: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Follows the own Shard until the signal aborts; never rejects. */
  readonly watch: (onShard: (shard: Shard) => void, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Of a primary's recorded files; the file system of this machine by default. */
  readonly disk?: Disk | undefined;
}

/** Between attempts to reach the store or the API server at start. */
const RETRY: BackoffPolicy = { firstMs: 100, factor: 2, capMs: 5000, jitter: 0.5 };
/** Longest wait for requests under way before the log is released anyway, ms: past the client's own deadline nobody waits for them. */
const DRAIN_MS = 15_000;
/** Longest wait for the last hints, ms: they only save a successor some reading. */
const LAST_HINTS_MS = 2000;

/** Runs until the end of this life. `stop` asks for a clean one. Rejects only when not even the ports could be bound. */
export async function runAgent(parts: AgentParts, stop: AbortSignal): Promise<AgentExit> {
  return await new Agent(parts).run(stop);
}

class Agent {
  readonly #parts: AgentParts;
  readonly #log: Logger;
  readonly #journalMetrics: JournalMetrics;
  #compactor: Compactor | undefined;
  readonly #hub: HeartbeatHub;
  readonly #peers: Peers;
  readonly #lag: LoopLag;
  readonly #startMs: number;
  /** Aborts everything this life has begun. */
  readonly #over = new AbortController();
  readonly #exit = Promise.withResolvers<AgentExit>();
  #state: AgentState = { kind: 'starting' };
  #shard: Shard | undefined;
  #highestTermSeen = 0;
  #term = 0;
  #times: HandoffTimes | undefined;
  #restored: RestoreReport | undefined;
  #last = { appliedOffset: 0, headOffset: 0 };
  #keeper: HintsKeeper | undefined;
  #releasing = false;
  /** The player's work; settles when it has closed its files. */
  #playing: Promise<void> = Promise.resolve();
  /** Resolves when the store has passed its probe. */
  #fit: Promise<void> = Promise.resolve();

  constructor(parts: AgentParts) {
    const { config, clock, random, log, metrics } = parts;
    this.#parts = parts;
    this.#log = log;
    this.#journalMetrics = journalMetrics(metrics);
    this.#startMs = clock.monotonicMs();
    this.#hub = new HeartbeatHub(clock, () => this.#line());
    this.#lag = new LoopLag(clock);
    this.#peers = new Peers({ self: config.pod.name, port: config.agentPort, clock, random, log });
  }

  async run(stop: AbortSignal): Promise<AgentExit> {
    const { config, application, metrics, clock, random, watch } = this.#parts;
    const host = config.pod.ip;
    const server = await startAgentHttp({
      host,
      port: config.agentPort,
      hub: this.#hub,
      metrics,
      status: () => this.#line(),
      ready: () => isReady(this.#state),
      alive: () => this.#state.kind !== 'stopped',
      stateHash: application.stateHash && (() => application.stateHash!()),
    });
    const lag = (): { bytes: number; sinceMs: number } | undefined => this.#lagOfState();
    await application.start({
      host,
      port: config.applicationPort,
      log: this.#log,
      metrics,
      clock,
      random,
      lag,
    });
    this.#hub.start();
    this.#lag.start();
    void application.failed.then((error) => this.#end(exitFor(error))); // never rejects
    const watching = watch((shard) => this.#onShard(shard), this.#over.signal);
    const onStop = (): void => void this.#release('Terminated', 'it was asked to stop');
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop, { once: true });
    this.#restore().catch((error: unknown) => this.#end(exitFor(error)));

    const exit = await this.#exit.promise;
    stop.removeEventListener('abort', onStop);
    this.#over.abort(new HoldfastError('AGENT_STOPPED', 'The agent has stopped.'));
    this.#peers.stop();
    this.#lag.stop();
    await this.#hub.stop();
    await application.close();
    await server.close();
    await Promise.all([watching, this.#playing]);
    return exit;
  }

  async #restore(): Promise<void> {
    const { config, store, clock, random, application, disk } = this.#parts;
    const { signal } = this.#over;
    this.#fit = this.#patiently('the store', async () => {
      await requireFitStore(store, { clock, random, signal });
    });
    this.#fit.catch((error: unknown) => this.#end(exitFor(error)));
    const journal: Journal = { store, name: config.journal, generation: config.generation };
    const directory = new FollowedDirectory();
    await application.follow(directory);
    const { player, running } = await restore(
      {
        name: journal.name,
        look: () => this.#patiently('the hints', () => this.#findHints()),
        playerFor: ({ hints }, known) =>
          new Player({
            journal,
            hints,
            expectHistory: known,
            dir: config.dataDir,
            clock,
            random,
            log: this.#log,
            metrics: this.#journalMetrics,
            disk,
            openLog: (name) => findJournal(store, name, undefined, { signal }), // a fork begins in another log
          }),
        directory,
        onAttempt: (...attempt) => this.#restoring(...attempt),
        log: this.#log,
        metrics: this.#parts.metrics,
      },
      signal,
    );
    this.#playing = running.catch((error: unknown) => this.#end(exitFor(error)));
    if (this.#state.kind !== 'restoring') return; // ended meanwhile
    this.#move({ kind: 'tailing', player });
    this.#consider();
  }

  async #findHints(): Promise<Candidates> {
    const { signal } = this.#over;
    const { config, hints, isInitialized } = this.#parts;
    const [slots, initialized] = await Promise.all([hints.readAll(signal), isInitialized(signal)]);
    return candidatesOf(config.journal, slots, initialized);
  }

  #restoring(player: Player, running: Promise<void>, report: RestoreReport): void {
    this.#playing = running.catch(() => undefined); // restore() says what becomes of it
    if (this.#state.kind === 'stopped') return; // the signal is about to end the player
    this.#restored = report;
    this.#log.info('restoring', { journal: this.#parts.config.journal, hints: report.from });
    this.#move({ kind: 'restoring', player });
  }

  /** G3: tries until it succeeds, or fails in a way that waiting does not mend. */
  async #patiently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#parts;
    for (let n = 0; ; n++) {
      try {
        const done = await attempt();
        if (this.#state.kind === 'starting' && this.#state.problem !== undefined)
          this.#move({ kind: 'starting' });
        return done;
      } catch (error) {
        this.#over.signal.throwIfAborted();
        if (!passes(error)) throw error;
        const { message } = ensureError(error);
        this.#log.warn(`${what} cannot be reached; trying again`, { attempt: n, error });
        if (this.#state.kind === 'starting')
          this.#move({ kind: 'starting', problem: `${errorCode(error) ?? 'PROBLEM'}: ${message}` });
      }
      await clock.sleep(backoffMs(RETRY, n, random), this.#over.signal);
    }
  }

  #onShard(shard: Shard): void {
    if (this.#state.kind === 'stopped') return;
    this.#shard = shard;
    this.#highestTermSeen = Math.max(this.#highestTermSeen, shard.status?.assignment?.term ?? 0);
    this.#peers.follow(shard.status?.replicas ?? []);
    this.#consider();
  }

  /** G1 */
  #consider(): void {
    const { kind } = this.#state;
    const order = orderFor(this.#shard?.status?.assignment, {
      pod: this.#parts.config.pod.name,
      term: this.#term,
      highestTermSeen: this.#highestTermSeen,
      primary: kind === 'serving',
    });
    if (order.kind === 'promote' && kind === 'tailing')
      this.#promote(this.#state.player, order.term, order.waitFor).catch((error: unknown) =>
        this.#end(exitFor(error)),
      );
    if (order.kind === 'stepDown' && kind === 'serving')
      void this.#release('SteppedDown', `term ${order.term} was given to ${order.successor}`);
  }

  async #promote(player: Player, term: number, waitFor: string | undefined): Promise<void> {
    const { config, application, clock, random, hints, log, metrics } = this.#parts;
    const { signal } = this.#over;
    this.#term = term;
    this.#move({ kind: 'promoting', player, term });
    await this.#fit;
    const { session, recorder, times } = await takeOver(
      { player, application, dir: config.dataDir, session: config.groupCommit, clock, random, log },
      { term, waitFor, predecessor: (pod) => this.#peers.view(pod) },
      signal,
    );
    void session.ended.then((end) => this.#sessionEnded(end)); // never rejects
    void recorder.broken.then((error) => this.#releasing || this.#end(exitFor(error))); // never rejects
    if (this.#state.kind !== 'promoting') return session.abandon('the agent has ended meanwhile');
    this.#times = times;
    this.#move({ kind: 'serving', term, session, player, times });
    const { hintsIntervalMs: intervalMs, hintsRotationMs: rotationMs } = config;
    this.#keeper = new HintsKeeper({
      slots: hints,
      source: recorder,
      term,
      intervalMs,
      rotationMs,
      primaryIsUseless: this.#restored?.passedOver.some(({ from }) => from === 'primary') ?? false,
      clock,
      log,
      metrics,
    });
    void this.#keeper.run(signal); // never rejects
    void this.#lookForFence(session, signal); // never rejects
    const needed = logNeeds({
      log: session.journal.name,
      hints,
      pins: this.#parts.pins,
      logger: log,
      metrics,
    });
    this.#compactor = new Compactor(
      { session, needed, clock, random, log, metrics: this.#journalMetrics },
      config.compaction,
    );
    this.#consider();
  }

  /** An idle primary writes nothing and so meets no fence; a zombie that nobody tells would stay for ever. The session ends itself when it finds one. */
  async #lookForFence(session: Session, signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#parts;
    while (session.isOpen && !signal.aborted) {
      try {
        await clock.sleep(config.fenceCheckMs, signal);
        await session.readIndex();
      } catch (error) {
        if (!signal.aborted && session.isOpen)
          this.#log.warn('whether there is a fence is not known', { error });
      }
    }
  }

  #sessionEnded(end: SessionEnd): void {
    if (this.#releasing && end.kind === 'closed') return;
    this.#end(exitFor(end.error));
  }

  /** G4. Never rejects. */
  async #release(reason: string, message: string): Promise<void> {
    if (this.#releasing || this.#state.kind === 'stopped') return;
    if (this.#state.kind !== 'serving') return this.#end({ ...released(reason, message), released: false });
    this.#releasing = true;
    this.#compactor?.stop();
    const { session } = this.#state;
    const { clock, application } = this.#parts;
    const limit = deadline(clock, DRAIN_MS, 'draining', this.#over.signal);
    let writeHints: ((signal: AbortSignal) => Promise<void>) | undefined;
    try {
      await application.drain(limit.signal);
      writeHints = await raceAbort(this.#keeper!.last(), limit.signal);
    } catch (error) {
      this.#log.warn('the log is released without all of its last steps', { error });
    } finally {
      limit.clear();
    }
    await session.close();
    const end = await session.ended;
    if (end.kind !== 'closed') return this.#end(exitFor(end.error));
    const exit = released(reason, message);
    this.#stopped(exit);
    const hintsLimit = deadline(clock, LAST_HINTS_MS, 'the last hints', this.#over.signal);
    await writeHints?.(hintsLimit.signal);
    hintsLimit.clear();
    this.#exit.resolve(exit);
  }

  /** G2 */
  #end(exit: AgentExit): void {
    if (this.#state.kind === 'stopped') return;
    if (this.#state.kind === 'serving') this.#state.session.abandon(exit.reason);
    this.#stopped(exit);
    this.#exit.resolve(exit);
  }

  #stopped(exit: AgentExit): void {
    const { code, reason, message, error } = exit;
    this.#log[code === 0 ? 'info' : 'error']('the agent stops', { code, reason, detail: message, error });
    this.#move({ kind: 'stopped', exit });
  }

  #move(next: AgentState): void {
    checkMove(this.#state, next);
    if (next.kind !== this.#state.kind) this.#log.info(`agent is ${next.kind}`, { term: this.#term });
    this.#last = offsetsOf({ state: this.#state, last: this.#last });
    this.#state = next;
    this.#hub.publish();
  }

  #lagOfState(): { bytes: number; sinceMs: number } | undefined {
    if (this.#state.kind !== 'tailing' && this.#state.kind !== 'promoting') return undefined;
    const { appliedOffset, headOffset } = this.#state.player.progress;
    return { bytes: headOffset - appliedOffset, sinceMs: 0 };
  }

  #line(): ReturnType<typeof statusLine> {
    return statusLine({
      config: this.#parts.config,
      state: this.#state,
      term: this.#term,
      peers: this.#peers.report(),
      uptimeMs: this.#parts.clock.monotonicMs() - this.#startMs,
      eventLoopLagMs: this.#lag.ms,
      last: this.#last,
      times: this.#times,
      restored: this.#restored,
    });
  }
}

/** What is worth waiting for: something is away, or not there yet. */
function passes(error: unknown): boolean {
  if (error instanceof StoreError) return error.retryable;
  return error instanceof HoldfastError && 'retryable' in error && error.retryable === true;
}
