/**
 * A wire between clients and one server on loopback that can be cut, held, slowed and emptied while connections live.
 *
 * W1  What is set holds at once, for connections that live and for new ones, until something else is set.
 * W2  The port stays the same; while it refuses, nobody listens there, so that a client hears what a dead host says.
 * W3  `hold` is a network that loses nothing: bytes wait, and arrive when it is over, even those of a client that has given up long ago.
 *     `swallow` is one that loses them: a connection that lost bytes never goes on. It is reset when the time of swallowing is over.
 * W4  `cut` ends a connection with a reset once the server has answered, after so many bytes of the answer: the server has done what was asked,
 *     and the client cannot know.
 * W5  Bytes arrive in order or not at all. In each direction at most one chunk of a connection waits here; the rest waits at its sender.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, resetSocket } from '../cluster/index.ts';

/** Whose bytes: a client's on the way to the server, or the server's answers. */
export type Direction = 'to-server' | 'to-client';

export type Wire =
  | { readonly kind: 'pass' }
  /** W2; connections that live are reset. */
  | { readonly kind: 'refuse' }
  /** W3; without a direction in both. */
  | { readonly kind: 'hold' | 'swallow'; readonly direction?: Direction | undefined }
  /** Every chunk waits so long, ms. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** W4; bytes counted for each connection from the moment it is set. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** For each connection and direction. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number };

export interface TcpProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Connections that live now. */
  readonly connections: number;
  /** Connections that `cut` has ended, in all. */
  readonly cuts: number;
  /** W1 */
  set(wire: Wire): Promise<void>;
  /** Ends every living connection with a reset (RST) to both sides; what is set stays. */
  reset(): void;
  /** Ends everything. Idempotent. */
  close(): Promise<void>;
}

/** Starts a proxy before `127.0.0.1:<target>` that passes everything. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const proxy = new Proxy(target, await freePort());
  await proxy.listen();
  return proxy;
}

const PASS: Wire = { kind: 'pass' };

class Proxy implements TcpProxy {
  readonly port: number;
  readonly #target: number;
  readonly #living = new Set<Connection>();
  #server: Server | undefined;
  #wire: Wire = PASS;
  /** Resolves when another wire is set. */
  #rewired: PromiseWithResolvers<void> = Promise.withResolvers();
  #cuts = 0;

  constructor(target: number, port: number) {
    this.#target = target;
    this.port = port;
  }

  get connections(): number {
    return this.#living.size;
  }

  get cuts(): number {
    return this.#cuts;
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.#server = server;
  }

  async set(wire: Wire): Promise<void> {
    this.#wire = wire;
    for (const connection of this.#living) connection.rewire();
    this.#rewired.resolve();
    this.#rewired = Promise.withResolvers();
    if (wire.kind === 'refuse') await this.#deafen();
    else if (!this.#server) await this.listen();
  }

  reset(): void {
    for (const connection of this.#living) connection.reset();
  }

  async close(): Promise<void> {
    await this.set(PASS);
    await this.#deafen();
  }

  async #deafen(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    this.reset();
    await closed;
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const connection = new Connection(client, server, {
      wire: () => this.#wire,
      rewired: () => this.#rewired.promise,
      cut: () => this.#cuts++,
      gone: () => this.#living.delete(connection),
    });
    this.#living.add(connection);
    connection.run();
  }
}

interface ConnectionPorts {
  readonly wire: () => Wire;
  readonly rewired: () => Promise<void>;
  readonly cut: () => void;
  readonly gone: () => void;
}

class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ports: ConnectionPorts;
  readonly #over = new AbortController();
  /** Resolves when the connection is over. */
  readonly #ended: Promise<void>;
  #lostBytes = false;
  /** Bytes of answers passed since the wire was set (W4). */
  #answered = 0;

  constructor(client: Socket, server: Socket, ports: ConnectionPorts) {
    this.#client = client;
    this.#server = server;
    this.#ports = ports;
    this.#ended = new Promise((resolve) => {
      this.#over.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  run(): void {
    let open = 2;
    for (const socket of [this.#client, this.#server]) {
      socket.on('error', () => this.reset()); // what one side suffers the other learns, as a reset
      socket.on('close', () => {
        if (--open > 0) return;
        this.#over.abort();
        this.#ports.gone();
      });
    }
    void this.#pump('to-server', this.#client, this.#server); // neither rejects
    void this.#pump('to-client', this.#server, this.#client);
  }

  /** Another wire was set. */
  rewire(): void {
    this.#answered = 0;
    if (this.#lostBytes) this.reset(); // W3
  }

  reset(): void {
    this.#over.abort();
    for (const socket of [this.#client, this.#server]) resetSocket(socket);
  }

  /** Carries one direction until its end or the connection's. Never rejects. */
  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        if (!(await this.#carry(direction, chunk as Buffer, to))) return;
      }
      await this.#released(direction); // an end overtakes nothing either
      if (!this.#lostBytes) to.end();
    } catch {
      this.reset(); // a socket failed or the connection was reset: both sides end
    }
  }

  /** Delivers one chunk as the wire says; false when the connection is over. */
  async #carry(direction: Direction, chunk: Buffer, to: Socket): Promise<boolean> {
    const { signal } = this.#over;
    await this.#released(direction);
    const wire = this.#ports.wire();
    if (wire.kind === 'swallow' && concerns(wire, direction)) {
      this.#lostBytes = true;
      return true;
    }
    if (wire.kind === 'delay') await sleep(wire.ms, undefined, { signal });
    if (wire.kind === 'throttle')
      await sleep((chunk.length * 1000) / wire.bytesPerSecond, undefined, { signal });
    if (wire.kind === 'cut' && direction === 'to-client') {
      const left = wire.afterBytes - this.#answered;
      this.#answered += chunk.length;
      if (chunk.length >= left) {
        await written(to, chunk.subarray(0, Math.max(0, left)));
        this.#ports.cut();
        this.reset();
        return false;
      }
    }
    await written(to, chunk);
    return !signal.aborted;
  }

  /** Resolves when nothing is held in this direction. @throws when the connection is over before that. */
  async #released(direction: Direction): Promise<void> {
    const { signal } = this.#over;
    for (;;) {
      signal.throwIfAborted();
      const wire = this.#ports.wire();
      if (wire.kind !== 'hold' || !concerns(wire, direction)) return;
      await Promise.race([this.#ports.rewired(), this.#ended]);
    }
  }
}

function concerns(wire: { readonly direction?: Direction | undefined }, direction: Direction): boolean {
  return wire.direction === undefined || wire.direction === direction;
}

/** Resolves when the kernel has the bytes: a slow receiver slows its sender (W5). */
function written(to: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    to.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
