/**
 * The loop that keeps a read replica up to date: it asks a source for the changes after the last one applied, again and again.
 *
 *   starting -> loading | following | ahead -> … -> failed | closed
 *
 * R1  Changes are applied by number, each once and in order; the engine holds the number with the data, so nothing applied is applied again after a restart.
 * R2  A gap is filled by the whole contents, never passed over. What is shown meanwhile is the old state, which is whole.
 * R3  A source that is behind is told by its number. It is not followed: another source is asked, and while all are behind, the replica says that it is ahead.
 * R4  Whatever fails is tried again, elsewhere where there is another source, until close. close waits for what is being applied and nothing else. An engine that takes
 *     nothing more is the end: only a new life opens its files again.
 * R5  A source that has had other changes under the same numbers is not followed by number either: its whole contents are loaded, and until they are here
 *     the replica says that it shows another history (health.ts E2).
 */
import { assert, ensureError, type Clock, type Logger, type Random } from '../../base/index.ts';
import { Transport } from '../client/transport.ts';
import { type Engine } from '../engine/engine.ts';
import { DivergedError, GapError } from '../engine/errors.ts';
import { BatchSize } from './batch-size.ts';
import { healthOf, type Health, type HealthLimits } from './health.ts';
import { Source } from './source.ts';
import { Sources } from './sources.ts';
import { type Fetched, type FollowState } from './types.ts';

export interface ReplicatorOptions {
  readonly engine: Engine;
  /** In order of preference (sources.ts C1). */
  readonly sources: readonly (readonly URL[])[];
  /** Time between two questions while there is nothing new, ms. */
  readonly pollIntervalMs: number;
  /** Most changes of one answer. */
  readonly maxChanges: number;
  readonly health: HealthLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ReplicationFigures {
  readonly state: FollowState['kind'];
  readonly source: string | undefined;
  /** Changes behind the source as of its last answer. */
  readonly lag: number | undefined;
  readonly ageMs: number | undefined;
  readonly health: Health;
  readonly batch: number;
  readonly snapshotsLoaded: number;
  /** Times that a source had had other changes (R5). */
  readonly divergences: number;
}

/** What became of one question. */
type Polled = 'more' | 'idle';

export class Replicator {
  /** Settles when its engine takes nothing more (R4); never rejects. */
  readonly failed: Promise<Error>;
  readonly #fail: (error: Error) => void;
  readonly #options: ReplicatorOptions;
  readonly #transport: Transport = new Transport();
  readonly #source: Source;
  readonly #sources: Sources;
  readonly #batch: BatchSize;
  readonly #stop = new AbortController();
  #state: FollowState = { kind: 'starting' };
  #running: Promise<void> | undefined;
  /** The newest change that a source has named, and when it was last asked with success. */
  #heard: { readonly latest: number; readonly atMs: number } | undefined;
  #snapshotsLoaded = 0;
  #divergences = 0;
  /** Sources one after the other that were behind. */
  #behindInARow = 0;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.#source = new Source(this.#transport, options.clock);
    this.#sources = new Sources(options.sources, options.random);
    this.#batch = new BatchSize(options.maxChanges);
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.#fail = resolve;
  }

  /** Begins to follow. */
  start(): void {
    assert(this.#running === undefined, 'a replicator is started once');
    this.#running = this.#run();
  }

  /** The source in use or last used. */
  get source(): URL | undefined {
    return 'source' in this.#state ? this.#state.source : undefined;
  }

  figures(): ReplicationFigures {
    const { clock, engine, health } = this.#options;
    const heard = this.#heard;
    const lag = heard && Math.max(0, heard.latest - engine.latestAppliedChangeNumber());
    const ageMs = heard && clock.monotonicMs() - heard.atMs;
    const { kind } = this.#state;
    const diverged = this.#state.kind === 'loading' && this.#state.diverged;
    return {
      state: kind,
      source: this.source?.origin,
      lag,
      ageMs,
      health: healthOf(
        {
          closed: kind === 'closed',
          failed: kind === 'failed',
          lag,
          ageMs,
          ahead: kind === 'ahead',
          diverged,
        },
        health,
      ),
      batch: this.#batch.size,
      snapshotsLoaded: this.#snapshotsLoaded,
      divergences: this.#divergences,
    };
  }

  /** Stops following (R4). The engine is the caller's to close, afterwards. Idempotent. */
  async close(): Promise<void> {
    if (!this.#stop.signal.aborted) this.#stop.abort(new Error('the read replica is closing'));
    await this.#running;
    this.#state = { kind: 'closed' };
    await this.#transport.close();
  }

  async #run(): Promise<void> {
    const { engine, clock, log, pollIntervalMs } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { url, waitMs } = this.#sources.choose(clock.monotonicMs());
      try {
        if (waitMs > 0) await clock.sleep(waitMs, signal);
        const polled = await this.#poll(url, signal);
        if (polled === 'idle') await clock.sleep(pollIntervalMs, signal);
      } catch (error) {
        if (signal.aborted) return; // whatever fails from here on fails by closing
        if (engine.failure) {
          this.#state = { kind: 'failed' };
          return this.#fail(engine.failure); // R4
        }
        this.#sources.failed(clock.monotonicMs());
        log.warn('A source of changes failed; another try follows.', {
          source: url.origin,
          error: ensureError(error),
        });
      }
    }
  }

  /** Asks once and applies what came. @throws what the source and the engine throw */
  async #poll(url: URL, signal: AbortSignal): Promise<Polled> {
    const { engine } = this.#options;
    const after = engine.latestAppliedChangeNumber();
    const asked = { after, history: engine.appliedHistory(), max: this.#batch.size };
    const answer = await this.#source.changes(url, asked, signal);
    switch (answer.kind) {
      case 'changes':
        return await this.#apply(url, answer, signal);
      case 'gap':
        await this.#load(url, signal);
        return 'more';
      case 'diverged':
        await this.#loadOther(url, signal);
        return 'more';
      case 'ahead':
        this.#behind(url, after, answer.latest);
        return 'more'; // of another source
      case 'too-large':
        if (this.#batch.size === 1) throw answer.error; // it cannot be made smaller
        this.#batch.tooLarge();
        return 'more';
    }
  }

  async #apply(
    url: URL,
    { role, latest, changes }: Extract<Fetched, { kind: 'changes' }>,
    signal: AbortSignal,
  ): Promise<Polled> {
    const { engine, clock } = this.#options;
    const saved = await engine.saveChanges(changes); // R1
    this.#batch.answered();
    if (saved.error instanceof GapError || saved.error instanceof DivergedError) {
      await (saved.error instanceof GapError ? this.#load(url, signal) : this.#loadOther(url, signal));
      return 'more';
    }
    if (saved.error) throw saved.error;
    this.#follow(url);
    this.#heard = { latest, atMs: clock.monotonicMs() };
    this.#sources.answered(clock.monotonicMs(), role);
    return changes.length > 0 && saved.appliedUpTo < latest ? 'more' : 'idle';
  }

  /** R5. */
  async #loadOther(url: URL, signal: AbortSignal): Promise<void> {
    const { engine, log } = this.#options;
    this.#divergences++;
    log.warn('The source has had other changes than this replica: it was set back, or is another store.', {
      source: url.origin,
      applied: engine.latestAppliedChangeNumber(),
      history: engine.appliedHistory(),
    });
    await this.#load(url, signal, true);
  }

  /** R2. */
  async #load(url: URL, signal: AbortSignal, diverged: boolean = false): Promise<void> {
    const { engine, log } = this.#options;
    this.#state = { kind: 'loading', source: url, diverged };
    log.info('The whole contents are loaded.', {
      source: url.origin,
      after: engine.latestAppliedChangeNumber(),
    });
    await engine.load(this.#source.snapshot(url, signal), signal);
    this.#snapshotsLoaded++;
    this.#follow(url);
  }

  /** R3. */
  #behind(url: URL, applied: number, latest: number | undefined): void {
    const { clock, log, sources } = this.#options;
    this.#sources.failed(clock.monotonicMs());
    this.#behindInARow++;
    if (this.#behindInARow < sources.flat().length || this.#state.kind === 'ahead') return;
    log.warn('This replica is ahead of its sources.', {
      source: url.origin,
      applied,
      latest: latest ?? 'unknown',
    });
    this.#state = { kind: 'ahead', source: url };
  }

  #follow(url: URL): void {
    if (this.#state.kind !== 'following' || this.#state.source.origin !== url.origin)
      this.#options.log.info('Following.', { source: url.origin });
    this.#state = { kind: 'following', source: url };
    this.#behindInARow = 0;
  }
}
