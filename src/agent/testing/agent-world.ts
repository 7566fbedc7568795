/**
 * Several agents of one shard in one process, with every part real but the object store (in memory, behind a faulty network), the API server (an
 * object that the test assigns) and the application, which is the least one that can be one: it appends what it is told to a recorded file.
 *
 * Each agent has a loopback address of its own, as a pod has.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseShard, type Assignment, type HeartbeatLine, type Shard } from '../../api/index.ts';
import {
  createMetrics,
  type HoldfastError,
  silentLogger,
  systemClock,
  systemRandom,
  utf8,
  fromUtf8,
  type Clock,
} from '../../base/index.ts';
import type { CompactorOptions } from '../../journal/index.ts';
import { memoryHintsSlots, type HintsSlots, type MemoryHintsSlots } from '../../persistence/index.ts';
import type { Disk, LiveDirectory, RecordedFile } from '../../recoverylog/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { FaultyStore, MemoryStore } from '../../store/testing/index.ts';
import type { Application, PrimaryContext } from '../application.ts';
import { runAgent } from '../life.ts';
import type { AgentExit } from '../state.ts';

const LINES = '/lines';
const NEXT = '/lines.next';

/** An application whose state is one file of lines. */
export class LineApplication implements Application {
  readonly #failed = Promise.withResolvers<HoldfastError>();
  readonly failed: Promise<HoldfastError> = this.#failed.promise;
  readonly calls: string[] = [];
  /** Runs before the file is opened by a new primary. */
  beforeOpen: (primary: PrimaryContext) => Promise<void> = () => Promise.resolve();
  #file: RecordedFile | undefined;
  #primary: PrimaryContext | undefined;

  start(): Promise<{ readonly port: number }> {
    this.calls.push('start');
    return Promise.resolve({ port: 1 });
  }

  follow(_live: LiveDirectory): Promise<void> {
    this.calls.push('follow');
    return Promise.resolve();
  }

  async open(primary: PrimaryContext): Promise<void> {
    this.calls.push('open');
    await this.beforeOpen(primary);
    this.#primary = primary;
    this.#file = await primary.fs.open(LINES, { create: true });
    await this.append(`term ${primary.term}`);
  }

  /** Resolves when the line is durable. */
  async append(line: string): Promise<void> {
    await this.#file!.write(utf8(`${line}\n`), this.#file!.size());
    await this.#file!.sync();
  }

  /** Replaces the file by one that holds its last line only, as a snapshot replaces what it covers. Resolves when that is durable. */
  async startAnew(): Promise<void> {
    const { fs } = this.#primary!;
    const last = (await this.lines()).at(-1)!;
    const next = await fs.open(NEXT, { create: true });
    await next.write(utf8(`${last}\n`), 0);
    await next.close();
    await this.#file!.close();
    await fs.rename(NEXT, LINES);
    this.#file = await fs.open(LINES, { create: false });
    await this.#file.sync();
  }

  /** A linearizable read. */
  async lines(): Promise<string[]> {
    await this.#primary!.readIndex();
    const file = this.#file!;
    return fromUtf8(await file.read(0, file.size()))
      .trimEnd()
      .split('\n');
  }

  checkpoint(): Promise<void> {
    return Promise.resolve();
  }

  drain(): Promise<void> {
    this.calls.push('drain');
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.calls.push('close');
    await this.#file?.close();
  }

  /** Fails by itself. */
  fail(error: HoldfastError): void {
    this.#failed.resolve(error);
  }
}

export interface TestAgent {
  readonly name: string;
  readonly application: LineApplication;
  readonly exit: Promise<AgentExit>;
  /** SIGTERM. */
  stop(): void;
  /** What its status page says; undefined when it does not answer. */
  status(): Promise<HeartbeatLine | undefined>;
  /** Resolves when its status page says this state. */
  reaches(state: HeartbeatLine['state']): Promise<HeartbeatLine>;
  /** Its API server shows this assignment, whatever others see. */
  shown(assignment: Assignment): void;
}

/** What may differ from agent to agent. */
export interface AgentOptions {
  readonly groupCommit?: Record<string, number>;
  readonly compaction?: Partial<CompactorOptions>;
  readonly hintsIntervalMs?: number;
  readonly hintsRotationMs?: number;
  readonly fenceCheckMs?: number;
  readonly disk?: Disk;
}

export class AgentWorld {
  readonly store: FaultyStore;
  /** In memory; not in use when others were given. */
  readonly hints: MemoryHintsSlots = memoryHintsSlots();
  readonly #slots: HintsSlots;
  initialized = false;
  /** Of the RecoveryLog. */
  pins: readonly string[] = [];
  readonly clock: Clock;
  readonly #dir: string;
  readonly #port: number;
  readonly #agents: (TestAgent & { readonly address: string })[] = [];
  #assignment: Assignment | undefined;

  private constructor(
    dir: string,
    port: number,
    clock: Clock,
    objects: ObjectStore,
    slots: HintsSlots | undefined,
  ) {
    this.#slots = slots ?? this.hints;
    this.#dir = dir;
    this.#port = port;
    this.clock = clock;
    this.store = new FaultyStore(objects, { clock, random: systemRandom });
  }

  /** @param objects the store, @param slots where hints are kept; in memory by default */
  static async use(
    test: (world: AgentWorld) => Promise<void>,
    clock: Clock = systemClock,
    objects: ObjectStore = new MemoryStore({ clock }),
    slots?: HintsSlots,
  ): Promise<void> {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-agents-'));
    const world = new AgentWorld(dir, await freePort(), clock, objects, slots);
    try {
      await test(world);
    } finally {
      world.store.clear();
      for (const agent of world.#agents) agent.stop();
      await Promise.all(world.#agents.map((agent) => agent.exit));
      await rm(world.#dir, { recursive: true, force: true });
    }
  }

  /** Starts an agent that sees the present assignment and every later one. */
  start(options: AgentOptions = {}): TestAgent {
    const name = `pod-${this.#agents.length}`;
    const address = `127.77.0.${this.#agents.length + 1}`;
    const application = new LineApplication();
    const stop = new AbortController();
    let show: (shard: Shard) => void = () => undefined;
    const exit = runAgent(
      {
        config: {
          pod: { name, namespace: 'default', uid: `uid-${name}`, ip: address, node: 'n' },
          shard: 's',
          recoveryLog: 's',
          storeUrl: 'memory:',
          journal: 'default/s',
          generation: 'g1',
          groupCommit: { flushIntervalMs: 5, ...options.groupCommit },
          compaction: options.compaction ?? {},
          dataDir: join(this.#dir, name),
          agentPort: this.#port,
          applicationPort: 0,
          hintsIntervalMs: options.hintsIntervalMs ?? 30_000,
          hintsRotationMs: options.hintsRotationMs ?? 3_600_000,
          fenceCheckMs: options.fenceCheckMs ?? 10_000,
        },
        application,
        store: this.store.as(name),
        hints: this.#slots,
        isInitialized: () => Promise.resolve(this.initialized),
        pins: () => Promise.resolve(this.pins),
        watch: (onShard, signal) => {
          show = onShard;
          onShard(this.#shard(this.#assignment));
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
        },
        clock: this.clock,
        random: systemRandom,
        log: silentLogger,
        metrics: createMetrics(),
        disk: options.disk,
      },
      stop.signal,
    );
    const status = (): Promise<HeartbeatLine | undefined> => this.#status(address);
    const agent = {
      name,
      address,
      application,
      exit,
      stop: () => stop.abort(new Error('SIGTERM')),
      status,
      reaches: async (state: HeartbeatLine['state']) => {
        for (;;) {
          const line = await status();
          if (line?.state === state) return line;
          await systemClock.sleep(5);
        }
      },
      shown: (assignment: Assignment) => show(this.#shard(assignment)),
    };
    this.#agents.push(agent);
    return agent;
  }

  /** Everybody's API server shows this assignment from now on. */
  assign(term: number, primary: TestAgent, planned?: { readonly from: TestAgent }): void {
    this.#assignment = this.assignment(term, primary, planned?.from);
    for (const agent of this.#agents) agent.shown(this.#assignment);
  }

  assignment(term: number, primary: TestAgent, from?: TestAgent): Assignment {
    return {
      term,
      primary: primary.name,
      planned: from !== undefined,
      reason: 'Test',
      since: '2026-01-01T00:00:00Z',
      ...(from ? { from: from.name } : {}),
    };
  }

  #shard(assignment: Assignment | undefined): Shard {
    const replicas = this.#agents.map(({ name, address }) => ({
      pod: name,
      uid: `uid-${name}`,
      role: 'standby',
      state: 'unknown',
      address,
    }));
    return parseShard({
      metadata: { name: 's', namespace: 'default' },
      spec: { storeRef: { name: 'store' }, application: { name: 'lines' } },
      status: { replicas, ...(assignment ? { assignment } : {}) },
    });
  }

  async #status(address: string): Promise<HeartbeatLine | undefined> {
    try {
      return (await (await fetch(`http://${address}:${this.#port}/v1/status`)).json()) as HeartbeatLine;
    } catch {
      return undefined; // not listening yet, or no more
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.77.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
