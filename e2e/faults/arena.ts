/**
 * One real S3 server, one journal, and processes that reach it only through wires of their own (harness/tcp-proxy.ts).
 *
 * 1. Everything that was started ends with `close`, and with the test's process however it ends (lifeline).
 * 2. A writer that is killed comes back as a new process under the same name, on the same wire; what the old one reported is kept.
 * 3. The judge reads past the wires, from the server itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/base/testing/index.ts';
import { Lifeline, startS3Server, type S3Server, type S3ServerOptions } from '../cluster/index.ts';
import type { Journal } from '../../src/journal/index.ts';
import { openStore, type ObjectStore } from '../../src/store/index.ts';
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts';
import type { JournalOutput } from '../harness/journal-model.ts';
import { judge, recordsTailed, type Heard, type Judgement } from './judge.ts';
import { Program } from './program.ts';
import type { Line } from './report.ts';

/** Numbers of records that one process has for itself. */
const RECORDS_PER_PROCESS = 100_000;
const JOURNAL = 'faults/journal';
/** Far longer than anything takes that a test waits for, and less than its limit. */
const UNTIL_MS = 60_000;
const LOOK_MS = 50;

export type WriterFault = 'acknowledges-early' | 'reads-without-proof';

/** What has been reported so far, counted. */
export interface Seen {
  readonly acknowledged: number;
  readonly reads: number;
  readonly fences: number;
  /** Sessions and calls that learned that they had been fenced. */
  readonly fenced: number;
  /** Records that the tailer who lags most has met. */
  readonly tailed: number;
}

interface Running extends Heard {
  readonly program: Program;
}

/** A place where a writer runs. */
export interface Station {
  readonly name: string;
  readonly wire: TcpProxy;
  /** The process that runs there now. */
  program: Program;
}

export class Arena {
  readonly server: S3Server;
  /** Straight to the server. */
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly stations: Station[] = [];
  readonly #lifeline: Lifeline;
  readonly #epochNs: bigint = process.hrtime.bigint();
  readonly #writers: Running[] = [];
  readonly #tailers: Running[] = [];
  readonly #wires: TcpProxy[] = [];
  readonly #fault: WriterFault | undefined;

  private constructor(server: S3Server, lifeline: Lifeline, fault: WriterFault | undefined) {
    this.server = server;
    this.#lifeline = lifeline;
    this.#fault = fault;
    this.store = openStore(server.url, { credentials: server });
    this.journal = { store: this.store, name: JOURNAL, generation: 'g1' };
  }

  /** A server with `writers` writers that have been told nothing yet. */
  static async open(
    writers: number,
    options: { readonly fault?: WriterFault; readonly server?: S3ServerOptions } = {},
  ): Promise<Arena> {
    const server = await startS3Server(options.server);
    const arena = new Arena(server, await Lifeline.start('faults'), options.fault);
    try {
      for (let i = 0; i < writers; i++) {
        const name = String.fromCharCode('A'.charCodeAt(0) + i);
        const wire = await arena.#newWire();
        arena.stations.push({ name, wire, program: arena.#writer(name, wire) });
      }
      return arena;
    } catch (error) {
      await arena.close();
      throw error;
    }
  }

  /** Microseconds since the arena was opened, on the clock that all its processes report by. */
  readonly nowUs = (): number => Number(process.hrtime.bigint() - this.#epochNs) / 1000;

  /** A tailer behind a wire of its own. */
  async follow(name: string): Promise<TcpProxy> {
    const wire = await this.#newWire();
    const program = new Program({
      lifeline: this.#lifeline,
      file: 'tailer.ts',
      args: [this.#url(wire), JOURNAL],
      env: this.server.credentials(),
    });
    this.#tailers.push({ name, program });
    return wire;
  }

  /** 2 */
  async killAndReplace(station: Station): Promise<void> {
    await station.program.kill();
    station.program = this.#writer(station.name, station.wire);
  }

  /** How often writers noted this code. */
  noted(code: string): number {
    return this.#lines().filter((line) => line.kind === 'note' && line.code === code).length;
  }

  /** Waits until something holds, for a limited time; whether it does. */
  async until(holds: () => boolean): Promise<boolean> {
    const limit = performance.now() + UNTIL_MS;
    while (!holds() && performance.now() < limit) await sleep(LOOK_MS);
    return holds();
  }

  /** All writers without a task so far go their own ways. */
  async roam(random: SeededRandom): Promise<void> {
    const programs = this.stations.map(({ program }) => program);
    await Promise.all(programs.map((program) => program.tell({ do: 'hello' }))); // all have started
    for (const program of programs) void program.tell({ do: 'roam', seed: random.below(2 ** 31) });
  }

  seen(): Seen {
    const lines = this.#lines();
    const answers = (kind: JournalOutput['kind']): number =>
      lines.filter((line) => line.kind === 'return' && line.output.kind === kind).length;
    return {
      acknowledged: answers('appended'),
      reads: answers('saw'),
      fences: answers('fenced'),
      fenced: this.noted('FENCED'),
      tailed: Math.min(...this.#tailers.map(({ program }) => recordsTailed(program).length)),
    };
  }

  /** Ends all processes, in order, and judges. */
  async judge(): Promise<Judgement> {
    await Promise.all(this.stations.map(({ program }) => program.end({ do: 'end' })));
    await Promise.all(this.#tailers.map(({ program }) => program.end()));
    return await judge(this.journal, this.#writers, this.#tailers, this.nowUs);
  }

  /** Idempotent (1). */
  async close(): Promise<void> {
    await this.#lifeline.end();
    await Promise.all(this.#wires.map((wire) => wire.close()));
    await this.store.close();
    await this.server.stop();
  }

  #lines(): Line[] {
    return this.#writers.flatMap(({ program }) => program.lines);
  }

  async #newWire(): Promise<TcpProxy> {
    const wire = await startTcpProxy(this.server.port);
    this.#wires.push(wire);
    return wire;
  }

  #writer(name: string, wire: TcpProxy): Program {
    const firstRecord = this.#writers.length * RECORDS_PER_PROCESS;
    const program = new Program({
      lifeline: this.#lifeline,
      file: 'writer.ts',
      args: [
        this.#url(wire),
        JOURNAL,
        name,
        String(firstRecord),
        String(this.#epochNs),
        ...(this.#fault ? [this.#fault] : []),
      ],
      env: this.server.credentials(),
    });
    this.#writers.push({ name: `${name}${this.#writers.length}`, program });
    return program;
  }

  #url(wire: TcpProxy): string {
    return this.server.url.replace(
      encodeURIComponent(`:${this.server.port}`),
      encodeURIComponent(`:${wire.port}`),
    );
  }
}
