/**
 * What many callers of one client ask for at the same time goes to a replica together: one request carries all that has gathered while the ones before it were
 * under way. A caller who is alone is sent at once.
 *
 *   waiting -> sent -> settled        (a caller who leaves is settled at once; one told 'later' waits again)
 *
 * B1  An operation is in one request at a time; what was not sent yet when its caller leaves is never sent, and the caller is told so.
 * B2  Reads and writes go in requests of their own, so that no read waits for a commit; at most LANES requests of either are under way to a replica.
 * B3  A request whose callers have all left is given up, so that a replica that never answers does not hold up who comes after.
 * B4  Nothing is kept of a replica to which nothing is under way.
 */
import { ensureError } from '../../base/index.ts';
import { bulkOf, outcomesFromBytes, type BulkOutcome } from '../http/bulk-bytes.ts';
import { MAX_BULK_BYTES, MAX_BULK_OPERATIONS } from '../http/limits.ts';
import type { Told } from './attempts.ts';
import { KvAnswerError, KvRefusedError, NotSentError } from './errors.ts';
import { toldBy, type Transport } from './transport.ts';

/** Requests under way for one replica: the service has two commits under way, and gathers for the next meanwhile. */
const LANES = 2;
/** Version and number of operations, bytes at most. */
const HEAD_BYTES = 6;

/** What an operation of a bulk has come to. */
export type Outcome = Exclude<BulkOutcome, { kind: 'refused' | 'later' }>;

interface Waiting {
  /** As it stands in a bulk. */
  readonly operation: Uint8Array;
  readonly settle: (told: Told<Outcome>) => void;
  readonly fail: (error: Error) => void;
  readonly signal: AbortSignal;
  /** Called when the caller leaves; while it waits: it is taken out. */
  leave: () => void;
  hasLeft: boolean;
}

export class Bulks {
  readonly #transport: Transport;
  readonly #lanes = new Map<string, Lane>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Has `operation` (bulk-bytes.ts) done at `url`. @throws NotSentError, what the network throws, KvFormatError, or the signal's reason once it was sent */
  ask(url: URL, kind: 'read' | 'write', operation: Uint8Array, signal: AbortSignal): Promise<Told<Outcome>> {
    if (signal.aborted) return Promise.reject(new NotSentError(signal.reason));
    const name = `${kind} ${url.origin}`;
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = new Lane(this.#transport, url, () => this.#lanes.delete(name)); // B4
      this.#lanes.set(name, lane);
    }
    return lane.ask(operation, signal);
  }
}

/** What goes to one replica, reads or writes (B2). */
class Lane {
  readonly #transport: Transport;
  readonly #url: URL;
  readonly #idle: () => void;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #isGathering = false;

  constructor(transport: Transport, url: URL, idle: () => void) {
    this.#transport = transport;
    this.#url = url;
    this.#idle = idle;
  }

  ask(operation: Uint8Array, signal: AbortSignal): Promise<Told<Outcome>> {
    return new Promise((settle, reject) => {
      const left = (): void => {
        waiting.hasLeft = true;
        waiting.leave();
      };
      const over = (): void => signal.removeEventListener('abort', left);
      const waiting: Waiting = {
        operation,
        signal,
        hasLeft: false,
        leave: () => waiting.fail(new NotSentError(signal.reason)), // B1
        settle: (told) => {
          over();
          settle(told);
        },
        fail: (error) => {
          over();
          reject(error);
        },
      };
      signal.addEventListener('abort', left, { once: true });
      this.#waiting.push(waiting);
      this.#gather();
    });
  }

  /** Sends at the end of this turn, with whatever else is asked in it. */
  #gather(): void {
    if (this.#isGathering || this.#underWay >= LANES) return;
    this.#isGathering = true;
    queueMicrotask(() => {
      this.#isGathering = false;
      this.#send();
    });
  }

  #send(): void {
    while (this.#underWay < LANES) {
      const bulk = this.#take();
      if (bulk.length === 0) break;
      this.#underWay++;
      void this.#exchange(bulk); // never rejects
    }
    if (this.#underWay === 0 && this.#waiting.length === 0) this.#idle();
  }

  /** Those who have waited longest, as many as fit into one request; one in any case. */
  #take(): readonly Waiting[] {
    this.#waiting = this.#waiting.filter(({ hasLeft }) => !hasLeft);
    let count = 0;
    let bytes = HEAD_BYTES;
    for (const { operation } of this.#waiting) {
      bytes += operation.length;
      if (count === MAX_BULK_OPERATIONS || (count > 0 && bytes > MAX_BULK_BYTES)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** Never rejects: everybody in it is told. */
  async #exchange(bulk: readonly Waiting[]): Promise<void> {
    const stop = new AbortController();
    let staying = bulk.length;
    for (const waiting of bulk)
      waiting.leave = () => {
        waiting.fail(ensureError(waiting.signal.reason));
        if (--staying === 0) stop.abort(waiting.signal.reason); // B3
      };
    try {
      this.#tell(bulk, await this.#outcomes(bulk, stop.signal));
    } catch (error) {
      for (const waiting of bulk) if (!waiting.hasLeft) waiting.fail(ensureError(error));
    } finally {
      this.#underWay--;
      this.#send();
    }
  }

  async #outcomes(
    bulk: readonly Waiting[],
    signal: AbortSignal,
  ): Promise<KvRefusal | readonly BulkOutcome[]> {
    const body = bulkOf(bulk.map(({ operation }) => operation));
    const reply = await this.#transport.send(
      this.#url,
      { method: 'POST', target: '/v1/bulk', body },
      {},
      signal,
    );
    const told = toldBy(reply);
    if (told.kind === 'refused') return told;
    const outcomes = outcomesFromBytes(reply.body);
    if (outcomes.length === bulk.length) return outcomes;
    throw new KvAnswerError(`${bulk.length} operations have ${outcomes.length} outcomes`);
  }

  #tell(bulk: readonly Waiting[], outcomes: KvRefusal | readonly BulkOutcome[]): void {
    const later: Waiting[] = [];
    for (const [n, waiting] of bulk.entries()) {
      if (waiting.hasLeft) continue;
      const outcome = 'kind' in outcomes ? outcomes : outcomes[n]!;
      if (outcome.kind === 'later') {
        waiting.leave = () => waiting.fail(ensureError(waiting.signal.reason));
        later.push(waiting);
      } else waiting.settle(toldOf(outcome));
    }
    this.#waiting = [...later, ...this.#waiting];
  }
}

type KvRefusal = Extract<Told<never>, { kind: 'refused' }>;

function toldOf(outcome: KvRefusal | Exclude<BulkOutcome, { kind: 'later' }>): Told<Outcome> {
  if (outcome.kind !== 'refused') return { kind: 'ok', value: outcome };
  if ('refusal' in outcome) return outcome;
  const { status, primary, body } = outcome;
  return { kind: 'refused', refusal: KvRefusedError.of(status, body), primary };
}
