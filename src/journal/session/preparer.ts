/**
 * Makes batches ready for their slots: content put together, compressed when that pays, checksummed. While one slot is on its way the next is made
 * ready, so that between an answer of the store and the next PUT there is next to nothing to do.
 *
 * D1  Ahead of its turn only a batch is prepared that can grow no more (append-buffer.ts B5): no batch gets smaller, no byte leaves earlier or later.
 * D2  Prepared is not sent, and is nothing that anybody is told of: number, put-id and predecessor are sealed when its turn comes (session.ts A2),
 *     so that a CHECKPOINT may go before it, and a fence, a stop or an end makes it nothing but memory.
 * D3  Work ahead gives way to the PUT on its way: it is done in pieces, with pauses, until its turn comes; then to the end without.
 * D4  The bytes of a slot are used for another only after the first attempt to store them was answered by success: any other may be sending yet.
 */
import { crc32c, raceAbort, type Clock, type Logger } from '../../base/index.ts';
import type { Batch } from './append-buffer.ts';
import { compress } from '../format/codec.ts';
import type { SessionOptions } from './options.ts';
import { isCompressed, packCompressed, packRaw, payloadOf, type Packed } from './pack.ts';
import { HEADER_BYTES } from '../format/slot.ts';
import { SlotBuffers } from './slot-buffers.ts';

/** All of a slot but its header. */
export interface Prepared extends Packed {
  readonly payloadCrc: number;
}

export interface PreparerPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly compress?: typeof compress | undefined;
  /** The session is to stop: what is being prepared will not be sent. */
  readonly signal: AbortSignal;
}

/** D3: a piece takes a third of a millisecond, and the pause is the shortest that a timer has. */
const PIECE_BYTES = 512 * 1024;
const PAUSE_MS = 1;

export class Preparer {
  readonly #journalName: string;
  readonly #options: SessionOptions;
  readonly #ports: PreparerPorts;
  readonly #buffers: SlotBuffers;
  #next: { readonly batch: Batch; readonly pace: Pace; readonly prepared: Promise<Prepared> } | undefined;

  constructor(journalName: string, options: SessionOptions, ports: PreparerPorts) {
    this.#journalName = journalName;
    this.#options = options;
    this.#buffers = new SlotBuffers(HEADER_BYTES + options.maxBatchBytes);
    this.#ports = ports;
  }

  /** Begins to prepare a batch that is closed (D1), unless that has begun. */
  ahead(batch: Batch): void {
    if (this.#next?.batch === batch) return;
    const pace = new Pace(this.#ports.clock);
    const prepared = this.#prepare(batch, pace);
    prepared.catch(() => undefined); // told to whoever asks for the batch when its turn comes
    this.#next = { batch, pace, prepared };
  }

  /** The batch, whose turn has come, as it will be stored. Raw should the session be stopped meanwhile: it is not sent then. */
  prepare(batch: Batch): Promise<Prepared> {
    const next = this.#next;
    this.#next = undefined;
    if (next?.batch !== batch) return this.#prepare(batch, undefined);
    next.pace.hurry();
    return next.prepared;
  }

  /** The bytes are stored, and nothing reads them any more (D4). */
  release({ bytes }: Prepared): void {
    this.#buffers.giveBack(bytes);
  }

  /** Without a pace: at once. */
  async #prepare(batch: Batch, pace: Pace | undefined): Promise<Prepared> {
    await pace?.pause(); // the PUT on its way has only been handed over
    const packed = await this.#pack(batch);
    const payload = payloadOf(packed);
    let payloadCrc = 0;
    for (let from = 0; from < payload.length; from += PIECE_BYTES) {
      if (from > 0) await pace?.pause();
      payloadCrc = crc32c(payload.subarray(from, from + PIECE_BYTES), payloadCrc);
    }
    return { ...packed, payloadCrc };
  }

  async #pack(batch: Batch): Promise<Packed> {
    const raw = packRaw(batch, this.#buffers);
    const { compression } = this.#options;
    if (!isCompressed(batch.end - batch.begin, this.#options)) return raw;
    const { compress: compressWith = compress, signal, log } = this.#ports;
    try {
      const packed = await raceAbort(packCompressed(raw, compression, compressWith, this.#buffers), signal);
      if (packed.problem)
        log.warn('content could not be compressed; it is stored as it is', {
          journal: this.#journalName,
          bytes: batch.end - batch.begin,
          error: packed.problem,
        });
      return packed;
    } catch (error) {
      if (signal.aborted) return raw;
      throw error;
    }
  }
}

/** Pauses until somebody is in a hurry; from then on none (D3). */
class Pace {
  readonly #clock: Clock;
  readonly #hurry = Promise.withResolvers<void>();
  #isHurried = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async pause(): Promise<void> {
    if (this.#isHurried) return;
    const elapsed = Promise.withResolvers<void>();
    const timer = this.#clock.timer(PAUSE_MS, elapsed.resolve);
    await Promise.race([elapsed.promise, this.#hurry.promise]);
    timer.cancel();
  }

  hurry(): void {
    this.#isHurried = true;
    this.#hurry.resolve();
  }
}
