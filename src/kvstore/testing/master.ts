/**
 * A master for read replicas in tests: a real HTTP server on loopback over a real engine, which can be stopped and started again on its port, and replaced.
 */
import { type FastifyInstance } from 'fastify';
import { createMetrics, silentLogger, systemClock, systemRandom, utf8 } from '../../base/index.ts';
import { encodeCommand, type Command, type Pair } from '../command.ts';
import { type MemoryEngine } from '../engine/memory-engine.ts';
import { makeServer } from '../http/server.ts';
import { type ReplicaRole } from '../service.ts';
import { LocalService } from './local-service.ts';

export class Master {
  service: LocalService;
  #server: FastifyInstance | undefined;
  #port = 0;
  /** Targets that were asked for. */
  readonly asked: string[] = [];

  private constructor(service: LocalService) {
    this.service = service;
  }

  static async start(
    options: { readonly engine?: MemoryEngine; readonly role?: ReplicaRole } = {},
  ): Promise<Master> {
    const master = new Master(
      new LocalService({ clock: systemClock, ...(options.engine ? { engine: options.engine } : {}) }),
    );
    master.service.replicaRole = options.role ?? 'primary';
    await master.listen();
    return master;
  }

  /** Runs it with a master, which ends afterwards. */
  static async during<T>(work: (master: Master) => Promise<T>): Promise<T> {
    const master = await Master.start();
    try {
      return await work(master);
    } finally {
      await master.stop();
    }
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#port}`);
  }

  /** Serves again, on the port it had. */
  async listen(): Promise<void> {
    const { service } = this;
    const server = makeServer({
      service: {
        role: () => this.service.role(),
        write: (command, identity) => this.service.write(command, identity),
        writeAll: (writes, told) => this.service.writeAll(writes, told),
        read: (query, consistency) => this.service.read(query, consistency),
        beginSession: () => service.beginSession(),
        endSession: (session) => service.endSession(session),
        backupTo: (url) => service.backupTo(url),
        restoreFrom: (url) => service.restoreFrom(url),
      },
      metrics: createMetrics(),
      log: silentLogger,
      clock: systemClock,
      random: systemRandom,
      admission: { requests: 1_000, bodyBytes: 1e9 },
      requestDeadlineMs: 10_000,
    });
    server.addHook('onRequest', (request, _reply, done) => {
      this.asked.push(request.originalUrl);
      done();
    });
    await server.listen({ host: '127.0.0.1', port: this.#port });
    const address = server.server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
  }

  /** Goes away at once: connections are cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.server.closeAllConnections();
    await server?.close();
  }

  /** One command, as the log would bring it. */
  do(command: Command, nowMs: number = systemClock.wallMs()): void {
    this.service.apply(encodeCommand(command, nowMs));
  }

  put(...pairs: readonly (readonly [key: string, value: string | Uint8Array, expiresAt?: number])[]): void {
    this.do({
      kind: 'put',
      pairs: pairs.map(([key, value, expiresAt]): Pair => ({
        key: utf8(key),
        value: typeof value === 'string' ? utf8(value) : value,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      })),
    });
  }

  delete(key: string): void {
    this.do({ kind: 'delete', key: utf8(key) });
  }

  hash(): string {
    return this.service.engine.stateHash();
  }
}
