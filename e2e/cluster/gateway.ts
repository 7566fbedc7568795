/**
 * One node's way to the rest of the world: a listener for each known destination, at an address of the node, which splices
 * to the true address; or, while a cut applies, swallows.
 *
 * 1. A cut is silence: neither FIN nor RST passes, in either direction, whatever happens at the ends.
 * 2. Healing resets the connections that were silent; they are never revived.
 * 3. What a cut means is decided by the network (pod-network.ts); the gateway only asks.
 *
 * Known differences from a lost cable: a new connection into a cut completes its TCP handshake with the gateway and
 * then hears nothing; one to a port where nobody listens is accepted and then reset instead of refused.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { resetSocket } from './reset-socket.ts';

/** Where a listener leads. */
export interface Destination {
  readonly kind: 'api' | 'store' | 'pod';
  /** Last two octets of the listener's address. */
  readonly octets: string;
  readonly port: number;
  /** The true address, same port. */
  readonly target: string;
}

/** A connection through a gateway, as the network judges it. */
export interface Passage {
  /** The dialling address (a pod's own; anything else is the node's agent). */
  readonly source: string;
  readonly destination: Destination;
}

interface Splice {
  readonly passage: Passage;
  readonly near: Socket;
  far: Socket | undefined;
  silent: boolean;
}

/** What a gateway is made from. */
export interface GatewayOptions {
  /** The first two octets of the node's gateway addresses. */
  readonly prefix: string;
  /** What every pod's own address begins with; such a source is kept when dialling on. */
  readonly pods: string;
  readonly isCut: (passage: Passage) => boolean;
}

/** See the header. */
export class Gateway {
  readonly #prefix: string;
  readonly #pods: string;
  readonly #isCut: (passage: Passage) => boolean;
  readonly #servers = new Map<string, Server>();
  readonly #splices = new Set<Splice>();

  constructor({ prefix, pods, isCut }: GatewayOptions) {
    this.#prefix = prefix;
    this.#pods = pods;
    this.#isCut = isCut;
  }

  /** Begins to listen for a destination; resolves when connections are accepted. */
  open(destination: Destination): Promise<void> {
    const key = `${destination.octets}:${destination.port}`;
    if (this.#servers.has(key)) return Promise.resolve();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) =>
      this.#accept(near, destination),
    );
    this.#servers.set(key, server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: `${this.#prefix}.${destination.octets}`, port: destination.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  /** Stops listening for a destination; connections through it live on until an end closes them. */
  close(destination: Destination): void {
    const key = `${destination.octets}:${destination.port}`;
    this.#servers.get(key)?.close();
    this.#servers.delete(key);
  }

  /** To be called when a cut began or ended: silences and resets what the network's answer now demands. */
  review(): void {
    for (const splice of this.#splices) {
      const cut = this.#isCut(splice.passage);
      if (cut && !splice.silent) silence(splice);
      else if (!cut && splice.silent) this.#reset(splice);
    }
  }

  /** Closes all listeners and connections. */
  async shutdown(): Promise<void> {
    const closed = [...this.#servers.values()].map(
      (server) => new Promise((resolve) => server.close(resolve)),
    );
    this.#servers.clear();
    for (const splice of this.#splices) this.#reset(splice);
    await Promise.all(closed);
  }

  #accept(near: Socket, destination: Destination): void {
    const passage = { source: near.remoteAddress ?? '', destination };
    const splice: Splice = { passage, near, far: undefined, silent: this.#isCut(passage) };
    this.#splices.add(splice);
    near.on('error', () => {}); // 'close' follows and is handled
    near.once('close', () => this.#ended(splice, splice.far, near.errored !== null));
    if (!splice.silent) this.#dial(splice);
  }

  #dial(splice: Splice): void {
    const { source, destination } = splice.passage;
    const far = connect({
      host: destination.target,
      port: destination.port,
      allowHalfOpen: true,
      noDelay: true,
      ...(source.startsWith(this.#pods) ? { localAddress: source } : {}),
    });
    splice.far = far;
    far.on('error', () => {}); // 'close' follows and is handled
    far.once('close', () => this.#ended(splice, splice.near, far.errored !== null));
    far.once('connect', () => {
      if (splice.silent) return;
      forward(splice, splice.near, far);
      forward(splice, far, splice.near);
    });
  }

  /** One end is gone for good; tells the other, unless a cut is in the way. */
  #ended(splice: Splice, other: Socket | undefined, failed: boolean): void {
    if (splice.silent) return;
    if (other === undefined) this.#splices.delete(splice);
    else if (failed) this.#reset(splice);
    else if (!other.destroyed) other.end();
    if (splice.near.destroyed && splice.far?.destroyed !== false) this.#splices.delete(splice);
  }

  #reset(splice: Splice): void {
    this.#splices.delete(splice);
    for (const socket of [splice.near, splice.far]) if (socket?.destroyed === false) resetSocket(socket);
  }
}

function forward(splice: Splice, from: Socket, to: Socket): void {
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => {
    if (!splice.silent) from.resume();
  });
  from.once('end', () => {
    if (!splice.silent && !to.destroyed) to.end();
  });
  from.resume();
}

function silence(splice: Splice): void {
  splice.silent = true;
  splice.near.pause();
  splice.far?.pause();
}
