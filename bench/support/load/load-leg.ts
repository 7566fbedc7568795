/**
 * Clients of a key-value service in a process of their own: each asks again as soon as it is answered, for a key at random out of those that exist.
 *
 *   node bench/support/load/load-leg.ts TASK      TASK is a LoadTask as JSON; talks to whoever has forked it (startLoad)
 *
 * 1. A run begins with nothing under way and ends when its last answer is there; only what was asked before the end was ordered is asked at all.
 * 2. The same generator for every interface (wire.ts): what it costs is told with the figures, as processor time.
 * 3. It ends with its parent.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { INTERFACES, keyOf, type Interface, type Operation, type Template } from './requests.ts';
import type { Wire } from './wire.ts';

export interface LoadTask {
  readonly interface: Interface;
  readonly port: number;
  readonly clients: number;
  /** The clients share this many connections. HTTP/1.1: as many as clients. */
  readonly connections: number;
  /** Keys are those below this number. */
  readonly keys: number;
  readonly valueBytes: number;
}

export interface LoadResult {
  /** One per acknowledged request. */
  readonly latenciesMs: Float64Array;
  /** From the first request to the last answer. */
  readonly tookMs: number;
  /** Of the processor, by the generator itself. */
  readonly cpuMs: number;
}

export interface Load {
  readonly pid: number;
  start(operation: Operation): void;
  /** Resolves when everything that was asked is answered. @throws when a request has failed */
  stop(): Promise<LoadResult>;
  /** Ends the process. Idempotent. */
  kill(): void;
}

type Order = { readonly kind: 'start'; readonly operation: Operation } | { readonly kind: 'stop' };
type News =
  | { readonly kind: 'connected' }
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly why: string };

/** Starts a generator; resolves when all its connections are open. */
export async function startLoad(task: LoadTask): Promise<Load> {
  const child = fork(import.meta.filename, [JSON.stringify(task)], { serialization: 'advanced' });
  const failed = new Promise<never>((_resolve, reject) => {
    child.on('message', (news: News) => news.kind === 'failed' && reject(new Error(news.why)));
    child.once('exit', (code, signal) =>
      reject(new Error(`the load generator has ended: ${String(code ?? signal)}`)),
    );
  });
  failed.catch(() => undefined); // told to whoever waits for news
  const news = async (): Promise<News> => {
    const [told] = (await Promise.race([once(child, 'message'), failed])) as [News];
    return told;
  };
  await news();
  return {
    pid: child.pid!,
    start: (operation) => void child.send({ kind: 'start', operation } satisfies Order),
    stop: async () => {
      const told = news();
      child.send({ kind: 'stop' } satisfies Order);
      const done = await told;
      if (done.kind !== 'done') throw new Error(`the load generator is ${done.kind}`);
      return done.result;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** A run of so many seconds. */
export async function runFor(load: Load, operation: Operation, seconds: number): Promise<LoadResult> {
  load.start(operation);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return await load.stop();
}

function tell(news: News): void {
  process.send!(news);
}

/** Doubles its room as it fills. */
class Samples {
  #values = new Float64Array(1024);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }

  take(): Float64Array {
    const taken = this.#values.slice(0, this.#count);
    this.#count = 0;
    return taken;
  }
}

interface Client {
  readonly wire: Wire;
  readonly slot: number;
  readonly templates: Readonly<Record<Operation, Template>>;
  sentMs: number;
}

class Generator {
  readonly #task: LoadTask;
  readonly #samples = new Samples();
  readonly #clients: Client[] = [];
  #operation: Operation = 'put';
  #isRunning = false;
  #underWay = 0;
  #startMs = 0;
  #startCpu: NodeJS.CpuUsage | undefined;

  constructor(task: LoadTask) {
    this.#task = task;
  }

  async connect(): Promise<void> {
    const { clients, connections, port, valueBytes } = this.#task;
    const { open, templates } = INTERFACES[this.#task.interface];
    for (let c = 0; c < connections; c++) {
      const own: Client[] = [];
      const answered = (slot: number): void => this.#answered(own[slot]!);
      const failed = (error: Error): void => tell({ kind: 'failed', why: error.stack ?? error.message });
      const wire = await open(port, { answered, failed });
      for (let n = c; n < clients; n += connections) {
        const value = randomBytes(valueBytes).toString('base64').slice(0, valueBytes);
        const client: Client = {
          wire,
          slot: own.length,
          templates: { put: templates.put(value), get: templates.get(value) },
          sentMs: 0,
        };
        own.push(client);
        this.#clients.push(client);
      }
    }
  }

  start(operation: Operation): void {
    this.#operation = operation;
    this.#isRunning = true;
    this.#startCpu = process.cpuUsage();
    this.#startMs = performance.now();
    for (const client of this.#clients) this.#ask(client, this.#startMs);
  }

  stop(): void {
    this.#isRunning = false;
    if (this.#underWay === 0) this.#done();
  }

  #ask(client: Client, nowMs: number): void {
    const { bytes, fill, leastBytes } = client.templates[this.#operation];
    fill(keyOf(Math.floor(Math.random() * this.#task.keys)));
    client.sentMs = nowMs;
    this.#underWay++;
    client.wire.send(client.slot, bytes, leastBytes);
  }

  #answered(client: Client): void {
    const nowMs = performance.now();
    this.#underWay--;
    this.#samples.add(nowMs - client.sentMs);
    if (this.#isRunning) this.#ask(client, nowMs);
    else if (this.#underWay === 0) this.#done();
  }

  #done(): void {
    const tookMs = performance.now() - this.#startMs;
    const { user, system } = process.cpuUsage(this.#startCpu);
    const latenciesMs = this.#samples.take();
    tell({ kind: 'done', result: { latenciesMs, tookMs, cpuMs: (user + system) / 1000 } });
  }
}

if (import.meta.main) {
  process.once('disconnect', () => process.exit()); // 3
  const generator = new Generator(JSON.parse(process.argv[2]!) as LoadTask);
  await generator.connect();
  process.on('message', (order: Order) => {
    if (order.kind === 'start') generator.start(order.operation);
    else generator.stop();
  });
  tell({ kind: 'connected' });
}
