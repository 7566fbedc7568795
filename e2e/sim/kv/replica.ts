/**
 * One process of the key-value service: production code over a bad network and a disk of its own, from its start to its end.
 *
 *   restoring -> tailing -> taking over -> serving -> ended
 *
 * P1  A process that is dead changes nothing any more, on no disk, and answers nobody; what it has sent to the store goes its way.
 * P2  It ends for reasons that production knows, and for no others: whatever else ends it is damage (LEGAL_ENDS).
 */
import { createMetrics, ensureError, errorCode, isAbortOf, silentLogger } from '../../../src/base/index.ts';
import type { SeededRandom } from '../../../src/base/testing/index.ts';
import type { Session } from '../../../src/journal/index.ts';
import { Player, type FsmHints, type Recorder } from '../../../src/recoverylog/index.ts';
import { diskOn, localFsOn } from '../../../src/recoverylog/testing/index.ts';
import { machineApplication, type RoleName, type ServiceApplication } from '../../../src/service/index.ts';
import { MemoryEngine, type KvAnswer, type KvQuery } from '../../../src/kvstore/testing/index.ts';
import { Volume, type DiskProcess } from '../../faults/disk/volume.ts';
import type { Malice } from '../adversary.ts';
import { connect, type Connection, type KvService, type KvWorld, type Running } from './world.ts';

/** Why a process stopped that was told to die, or whose world has come to its end. */
const KILLED = new Error('the process was killed');
/** Ends that the network, the store, other primaries and the disk bring about. */
const LEGAL_ENDS =
  /^(FENCED|STALE_TERM|APPEND_UNKNOWN|NOT_APPENDED|SESSION_ENDED|RECORDER_BROKEN|SHARD_HALTED|REPLICA_STOPPED|NOT_PRIMARY|SERVICE_CLOSED|STORE_\w+)$/;
/** Between two hints of a primary, at most, ms. */
const HINTS_MS = 6000;
/** How often the state's hash is shown, ms. */
const HASH_MS = 400;
const DIR = '/data';
/** Roles in which a replica has a state. */
const SHOWING_ROLES: ReadonlySet<RoleName> = new Set(['following', 'serving', 'draining']);

export interface ReplicaOptions {
  readonly malice: Malice;
  readonly hints: FsmHints | undefined;
  readonly disk?: Volume;
}

export class Replica implements Running {
  readonly name: string;
  /** Resolves when it is over; never rejects. What it ended with is in the world's damage, if it may not. */
  readonly over: Promise<void>;
  readonly connection: Connection;
  readonly disk: DiskProcess;
  readonly #world: KvWorld;
  readonly #application: ServiceApplication<KvQuery, KvAnswer>;
  readonly #player: Player;
  readonly #stop = new AbortController();
  readonly #order = Promise.withResolvers<number>();
  readonly #died = Promise.withResolvers<never>();
  readonly #left = Promise.withResolvers<void>();
  #service: KvService | undefined;
  #session: Session | undefined;
  #isAlive = true;

  /** Starts, as a standby. */
  constructor(world: KvWorld, name: string, options: ReplicaOptions) {
    this.#world = world;
    this.name = name;
    this.connection = connect(world, options.malice);
    const { journal, random } = this.connection;
    const { clock } = world;
    this.disk = (options.disk ?? new Volume()).attach({ pace: paceOf(world, random) });
    const { files } = this.disk;
    const fs = localFsOn(files);
    const { hints } = options;
    const disk = diskOn(files);
    this.#player = new Player({
      journal,
      hints,
      expectHistory: hints !== undefined,
      dir: DIR,
      clock,
      random,
      fs,
      disk,
    });
    this.#application = machineApplication({
      machine: new MemoryEngine({ clock }),
      files,
      snapshotAfterBytes: world.snapshotAfterBytes,
      serve: (service) => {
        this.#service = service;
        return Promise.resolve({ port: 1, close: () => Promise.resolve() });
      },
    });
    this.#died.promise.catch(() => undefined); // raced below
    this.over = this.#run();
  }

  /** P1 */
  get service(): KvService | undefined {
    return this.#isAlive ? this.#service : undefined;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isTailing(): boolean {
    return this.#player.progress.phase !== 'restoring';
  }

  get role(): RoleName {
    return this.#application.status().role;
  }

  get appliedIndex(): number {
    return this.#application.status().appliedIndex;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  promote(term: number): void {
    this.#order.resolve(term);
  }

  leave(): void {
    this.#left.resolve();
  }

  /** P1 */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#session?.abandon('killed');
    this.disk.kill();
    this.#stop.abort(KILLED);
    this.#died.reject(KILLED);
  }

  /** Resolves when it has played the log to its end; rejects when it is over before. */
  async tailing(): Promise<void> {
    await Promise.race([this.#player.tailing, this.over.then(() => Promise.reject(KILLED))]);
  }

  /** Shows the state's hash, which begins with its index; nothing while there is no state to show. @throws Error when another replica showed another (I7) */
  async showHash(): Promise<void> {
    if (!SHOWING_ROLES.has(this.role)) return;
    const hash = await this.#application.stateHash().catch(() => undefined); // what it ends by is told elsewhere
    if (hash !== undefined) this.#world.hashes.show(this.name, hash);
  }

  async #run(): Promise<void> {
    try {
      await Promise.race([this.#live(), this.#died.promise]);
    } catch (error) {
      this.#judgeEnd(error);
    }
    this.#isAlive = false;
    this.#stop.abort(KILLED);
    this.#session?.abandon('the process is over');
    try {
      await this.#application.close();
    } catch (error) {
      this.#judgeEnd(error);
    }
    const leaked = this.disk.open;
    if (leaked.length > 0)
      this.#world.damage.push(new Error(`${this.name} leaves open: ${leaked.join(', ')}`));
    this.disk.kill();
  }

  /** P2 */
  #judgeEnd(thrown: unknown): void {
    if (thrown === KILLED || !this.#isAlive || isAbortOf(this.#stop.signal, thrown)) return;
    const error = ensureError(thrown);
    if (LEGAL_ENDS.test(errorCode(error) ?? '')) return;
    this.#world.damage.push(new Error(`${this.name} ended with ${String(error)}`, { cause: error }));
  }

  async #live(): Promise<void> {
    const { clock } = this.#world;
    const { signal } = this.#stop;
    const failed = this.#application.failed.then((error) => Promise.reject(error));
    const running = this.#player.run(signal).then(() => new Promise<never>(() => undefined)); // it ends with a handoff
    running.catch(() => undefined); // raced below, until there is a handoff
    failed.catch(() => undefined);
    const context = {
      host: 'simulated',
      port: 1,
      log: silentLogger,
      metrics: createMetrics(),
      clock,
      random: this.connection.random,
      lag: () => undefined,
    };
    await this.#application.start(context);
    await this.#application.follow(this.#player.live);
    const showing = this.#showHashes(signal);
    await Promise.race([this.#player.tailing, running, failed, showing]);
    const term = await Promise.race([this.#order.promise, running, failed, showing]);
    await Promise.race([this.#serve(term), failed, showing]);
  }

  async #serve(term: number): Promise<void> {
    const { tally, clock } = this.#world;
    const { signal } = this.#stop;
    const { random } = this.connection;
    const taken = await this.#player.handoff(
      {
        author: this.#world.authors++,
        term,
        session: { flushIntervalMs: random.pick([0, 20, 250]), giveUpMs: random.pick([500, 5000, 60_000]) },
      },
      signal,
    );
    const { session, fs, recorder } = taken;
    this.#session = session;
    if (!this.#isAlive) session.abandon('killed');
    await this.#application.open({
      fs,
      live: this.#player.live,
      term,
      readIndex: () => session.readIndex(),
      ended: session.ended,
    });
    tally.primaries++;
    void this.#keepHints(term, recorder, random); // never rejects
    const end = await Promise.race([session.ended, this.#left.promise]);
    if (end) {
      if (end.kind === 'fenced') tally.fenced++;
      if ('error' in end) throw end.error;
      return;
    }
    tally.handovers++;
    await this.#application.drain(signal);
    await session.close();
    await clock.sleep(1); // whoever waits for its end hears of it
  }

  /** As a primary does: hints now and then, and a snapshot at times. Hints of an older term never replace those of a newer (I6). */
  async #keepHints(term: number, recorder: Recorder, random: SeededRandom): Promise<void> {
    const { clock, tally } = this.#world;
    try {
      for (;;) {
        await clock.sleep(random.below(HINTS_MS), this.#stop.signal);
        if (random.chance(0.5)) {
          await this.#application.checkpoint(this.#stop.signal);
          tally.snapshots++;
        }
        const hints = await recorder.buildHints();
        if (!this.#isAlive || (this.#world.hints?.term ?? 0) > term) return;
        this.#world.hints = { term, hints };
        tally.hints++;
      }
    } catch {
      return; // the primary's end is told by its session and its runtime
    }
  }

  /** @throws Error when another replica had another state at the same index */
  async #showHashes(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#world.clock.sleep(HASH_MS, signal);
      await this.showHash();
    }
  }
}

/** Most calls of the disk are done at once; some take their time, so that everything else can happen meanwhile. */
function paceOf({ clock }: KvWorld, random: SeededRandom): () => Promise<void> {
  return async () => {
    if (random.chance(0.1)) await clock.sleep(random.below(10));
  };
}
