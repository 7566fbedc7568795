/**
 * What a load generator needs of a protocol: a connection that carries requests, each in a slot, and tells when a slot was answered. Requests are bytes that were
 * made before, so that what a client costs is next to nothing, and about the same whatever it speaks.
 *
 * W1  A slot has one request under way. An answer that is no success, or has less in it than a success would, is an error of the whole run: a figure
 *     with failures in it is none.
 */
import { connect, type Socket } from 'node:net';

/** What a connection tells. */
export interface WireEvents {
  readonly answered: (slot: number) => void;
  readonly failed: (error: Error) => void;
}

export interface Wire {
  /** `request` must not change until the slot is answered. @param leastBytes of the answer's body, or it is no success (W1) */
  send(slot: number, request: Buffer, leastBytes: number): void;
  close(): void;
}

/** Opens a connection to this port on loopback; resolves when requests may be sent. */
export type OpenWire = (port: number, events: WireEvents) => Promise<Wire>;

/** Received bytes go here first: an answer of a few hundred bytes comes in one piece. */
const RECEIVE_BYTES = 64 * 1024;

/**
 * A socket whose bytes go to `receive`, which returns how many of them it has understood; the rest comes again with more.
 * The bytes are overwritten after the call.
 */
export function openSocket(
  port: number,
  receive: (bytes: Buffer) => number,
  failed: (error: Error) => void,
): Promise<Socket> {
  const buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  let rest: Buffer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          const fresh = buffer.subarray(0, length);
          try {
            const bytes = rest.length === 0 ? fresh : Buffer.concat([rest, fresh]);
            const taken = receive(bytes);
            rest = taken === bytes.length ? bytes.subarray(0, 0) : Buffer.from(bytes.subarray(taken));
          } catch (error) {
            failed(error as Error);
          }
          return true;
        },
      },
    });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => {
      reject(error);
      failed(error);
    });
    socket.once('end', () => failed(new Error(`the server at port ${port} has closed a connection`)));
  });
}
