/**
 * Unary gRPC over HTTP/2, as little of it as a load generator needs: requests whose header block is the same every time, answers whose header blocks are not
 * read at all.
 *
 * W3  A unary call has succeeded when its answer has a message: a server sends one with a success only.
 * W4  What we send stays inside the window that the server has given: a slot has one small request under way, which the server has taken before it answers. It is
 *     counted, and an overdraft is an error. What the server sends is allowed for at the start, once for the whole run.
 * W5  A stream that was answered may be reset as well: a server that answered before it saw the end of the request does so (RFC 9113 §8.1).
 */
import { openSocket, type OpenWire, type WireEvents } from './wire.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const FRAME_HEAD_BYTES = 9;
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 7, 8];
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
/** Window of a connection before anybody has changed it, bytes (RFC 9113 §6.9.2). */
const FIRST_WINDOW = 65_535;
const GREATEST_WINDOW = 2 ** 31 - 1;
/** Identifier of the setting: the window of each stream of the other side. */
const INITIAL_WINDOW_SIZE = Buffer.from([0, 4]);
/** Length and "not compressed" in front of a message. */
const MESSAGE_HEAD_BYTES = 5;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A string of less than 127 bytes as HPACK has it, not compressed. */
const text = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value, 'latin1')]);

/** The header block of a call: POST and http out of the static table, the rest literal and never indexed (RFC 7541 §6.2.2). */
function headerBlock(path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text('127.0.0.1'),
    Buffer.from([0x0f, 0x10]),
    text('application/grpc'),
    Buffer.from([0x00]),
    text('te'),
    text('trailers'),
  ]);
}

/** A request as it goes over the wire, its stream numbers open: `numbered` fills them in. */
export function grpcRequest(path: string, message: Uint8Array): Buffer {
  const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([
    frame(HEADERS, END_HEADERS, 0, headerBlock(path)),
    frame(DATA, END_STREAM, 0, Buffer.concat([head, message])),
  ]);
}

/** Writes the number of the stream into both frames. @returns bytes of content, which count against the window */
function numbered(request: Buffer, stream: number): number {
  const second = FRAME_HEAD_BYTES + request.readUIntBE(0, 3);
  request.writeUInt32BE(stream, 5);
  request.writeUInt32BE(stream, second + 5);
  return request.readUIntBE(second, 3);
}

interface Call {
  readonly slot: number;
  readonly leastBytes: number;
  messageBytes: number;
}

/** One connection; the state of its calls and of its window. */
class Connection {
  readonly #events: WireEvents;
  readonly #calls = new Map<number, Call>();
  #write: (bytes: Buffer) => void = () => undefined;
  #nextStream = 1;
  #window = FIRST_WINDOW;

  constructor(events: WireEvents) {
    this.#events = events;
  }

  open(write: (bytes: Buffer) => void): void {
    this.#write = write;
    write(PREFACE);
    write(frame(SETTINGS, 0, 0, Buffer.concat([INITIAL_WINDOW_SIZE, u32(GREATEST_WINDOW)])));
    write(frame(WINDOW_UPDATE, 0, 0, u32(GREATEST_WINDOW - FIRST_WINDOW))); // W4
  }

  send(slot: number, request: Buffer, leastBytes: number): void {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#window -= numbered(request, stream);
    if (this.#window < 0) throw new Error('W4: the server gives no window');
    this.#calls.set(stream, { slot, leastBytes, messageBytes: 0 });
    this.#write(request);
  }

  /** @returns how many bytes were whole frames */
  receive(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + FRAME_HEAD_BYTES + length;
      if (end > bytes.length) break;
      const payload = bytes.subarray(at + FRAME_HEAD_BYTES, end);
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5) & GREATEST_WINDOW, payload);
      at = end;
    }
    return at;
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case DATA:
      case HEADERS: {
        const call = this.#calls.get(stream);
        if (!call) throw new Error(`a frame of type ${type} for stream ${stream}, where nothing was asked`);
        if (type === DATA) call.messageBytes += payload.length;
        if ((flags & END_STREAM) !== 0) this.#answered(stream, call);
        return;
      }
      case SETTINGS:
        if ((flags & ACK) === 0) this.#write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        return;
      case PING:
        if ((flags & ACK) === 0) this.#write(frame(PING, ACK, 0, Buffer.from(payload)));
        return;
      case WINDOW_UPDATE:
        if (stream === 0) this.#window += payload.readUInt32BE(0);
        return;
      case RST_STREAM:
        if (!this.#calls.has(stream)) return; // W5
        throw new Error(`the server gives up stream ${stream} (error ${payload.readUInt32BE(0)})`);
      case GOAWAY:
        throw new Error(
          `the server gives up (error ${payload.readUInt32BE(4)}): ${payload.toString('latin1', 8)}`,
        );
      default: // whatever else there is changes nothing for us
    }
  }

  /** W3 */
  #answered(stream: number, { slot, leastBytes, messageBytes }: Call): void {
    this.#calls.delete(stream);
    if (messageBytes < MESSAGE_HEAD_BYTES + leastBytes)
      throw new Error(`not the answer of a success: ${messageBytes} bytes`);
    this.#events.answered(slot);
  }
}

export const openGrpc: OpenWire = async (port, events) => {
  const connection = new Connection(events);
  const socket = await openSocket(port, (bytes) => connection.receive(bytes), events.failed);
  let isCorked = false;
  const uncork = (): void => {
    isCorked = false;
    socket.uncork();
  };
  connection.open((bytes) => {
    // Requests of many slots that follow from one piece of answers leave in one piece too.
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      process.nextTick(uncork);
    }
    socket.write(bytes);
  });
  return {
    send: (slot, request, leastBytes) => connection.send(slot, request, leastBytes),
    close: () => socket.destroy(),
  };
};
