/**
 * Linearizable reads without a lease or a clock (s3log.md §6.4c, rules L1-L5).
 *
 * R1  By GET: a GET of the slot after the last one SENT, begun after the read arrived, that answers 404, plus the confirmation (before or after)
 *     of every slot below it, proves that nobody had fenced when the read arrived.
 * R2  By PUT: a slot whose FIRST attempt was sent after the read arrived, once confirmed, proves the same. A slot sent before is never evidence,
 *     however late its answer comes.
 * R3  A read never joins a GET that is already under way: it waits for the next one. One proof serves all reads that arrived before it began.
 * R4  A foreign slot there means fenced. Own bytes, an error or a timeout prove nothing; a new GET is begun.
 */
import type { HoldfastError } from '../../base/index.ts';
import type { SlotHeader } from '../format/slot.ts';

/** What a GET of the slot after the last one sent came to. */
export type Probe =
  | { readonly kind: 'absent' }
  | { readonly kind: 'foreign'; readonly header: SlotHeader }
  | { readonly kind: 'nothing' };

export interface ReadIndexPorts {
  /** Number of the last slot whose PUT was handed to the store. */
  lastSent(): number;
  /** One GET of slot `seq`; resolves 'nothing' on error, timeout or own bytes. Rejects never. */
  probe(seq: number): Promise<Probe>;
  /** Waits a little after a probe that proved nothing. */
  pause(): Promise<void>;
  foreign(header: SlotHeader): void;
  proved(by: 'get' | 'put'): void;
}

interface Read {
  /** Served once this slot is confirmed; undefined while there is no such proof. */
  byGet: number | undefined;
  byPut: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: HoldfastError) => void;
}

export class ReadIndex {
  readonly #ports: ReadIndexPorts;
  #confirmed: number;
  #reads: Read[] = [];
  #probing = false;
  #ended: HoldfastError | undefined;

  constructor(ports: ReadIndexPorts, confirmed: number) {
    this.#ports = ports;
    this.#confirmed = confirmed;
  }

  /** Resolves when a read that arrived before this call may be answered from the state of all confirmed slots. */
  wait(): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#reads.push({ byGet: undefined, byPut: undefined, resolve, reject });
      if (!this.#probing) void this.#probeLoop(); // never rejects: its ports do not
    });
  }

  /** The first attempt of slot `seq` is about to be sent (R2). */
  slotSent(seq: number): void {
    for (const read of this.#reads) read.byPut ??= seq;
  }

  /** Every slot up to `seq` is confirmed. */
  slotConfirmed(seq: number): void {
    this.#confirmed = seq;
    this.#serve();
  }

  /** The session may no longer serve reads: all fail, now and later. */
  end(error: HoldfastError): void {
    this.#ended ??= error;
    for (const read of this.#reads.splice(0)) read.reject(this.#ended);
  }

  async #probeLoop(): Promise<void> {
    this.#probing = true;
    while (!this.#ended) {
      const waiting = this.#reads.filter((read) => read.byGet === undefined); // R3: only these arrived before the GET begins
      if (waiting.length === 0) break;
      const seq = this.#ports.lastSent() + 1;
      const probe = await this.#ports.probe(seq);
      if (probe.kind === 'foreign') {
        this.#ports.foreign(probe.header); // R4: ends this object too
        break;
      }
      if (probe.kind === 'absent') {
        for (const read of waiting) read.byGet = seq - 1; // R1: the proof needs every slot below seq confirmed
        this.#serve();
      } else {
        await this.#ports.pause();
      }
    }
    this.#probing = false;
  }

  #serve(): void {
    const left: Read[] = [];
    for (const read of this.#reads) {
      const byGet = read.byGet !== undefined && read.byGet <= this.#confirmed;
      const byPut = read.byPut !== undefined && read.byPut <= this.#confirmed;
      if (!byGet && !byPut) {
        left.push(read);
        continue;
      }
      this.#ports.proved(byGet ? 'get' : 'put');
      read.resolve();
    }
    this.#reads = left;
  }
}
