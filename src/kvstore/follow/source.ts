/**
 * One source over HTTP: the changes from a number on, and the whole contents.
 *
 * W1  An answer is a value: changes, gap, diverged, ahead, too-large. Everything else, a refusal of the source or of the network, is an error: the next source is asked.
 * W2  Every exchange has a deadline; a snapshot's has one for each of its chunks instead, because its length is not known.
 */
import { deadline, DeadlineError, HoldfastError, isAbortOf, type Clock } from '../../base/index.ts';
import { KvRefusedError } from '../client/errors.ts';
import { jsonOf, type Incoming, type IncomingStream, type Transport } from '../client/transport.ts';
import { type History } from '../engine/history.ts';
import { changesFromBytes } from '../http/change-bytes.ts';
import { OCTETS } from '../http/headers.ts';
import { type Fetched } from './types.ts';

/** Longest time for an answer with changes, ms: the largest one over a line between continents. */
const CHANGES_TIMEOUT_MS = 15_000;
/** Longest time between two chunks of a snapshot, ms. */
const CHUNK_TIMEOUT_MS = 15_000;

/** A source's answer that makes no sense. */
export class SourceAnswerError extends HoldfastError {
  constructor(source: URL, problem: string, cause?: unknown) {
    super('KV_SOURCE_ANSWER', `${source.origin} does not answer as a key-value service does: ${problem}.`, {
      fields: { source: source.origin, problem },
      cause,
    });
  }
}

export class Source {
  readonly #transport: Transport;
  readonly #clock: Clock;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /**
   * The changes that come after change number `after`, to which `history` led.
   * @throws KvRefusedError, SourceAnswerError, what the network throws, or the signal's reason (W1)
   */
  async changes(
    source: URL,
    { after, history, max }: { readonly after: number; readonly history: History; readonly max: number },
    signal: AbortSignal,
  ): Promise<Fetched> {
    const limit = deadline(this.#clock, CHANGES_TIMEOUT_MS, 'the answer with changes', signal);
    try {
      const target = `/v1/changes?from=${after + 1}&max=${max}&history=${history}`;
      return fetched(
        source,
        await this.#transport.send(source, { method: 'GET', target }, { accept: OCTETS }, limit.signal),
      );
    } catch (error) {
      if (limit.signal.reason instanceof DeadlineError && isAbortOf(limit.signal, error))
        return { kind: 'too-large', error: limit.signal.reason }; // so much did not come through in time
      throw error;
    } finally {
      limit.clear();
    }
  }

  /** The whole contents, chunk by chunk. @throws as `changes` */
  async *snapshot(source: URL, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const stall = new AbortController();
    const end = AbortSignal.any([stall.signal, signal]);
    const watch = (): { cancel(): void } =>
      this.#clock.timer(CHUNK_TIMEOUT_MS, () =>
        stall.abort(new DeadlineError('a snapshot chunk', CHUNK_TIMEOUT_MS)),
      );
    let timer = watch();
    try {
      const reply = await this.#transport.open(source, { method: 'GET', target: '/v1/snapshot' }, end);
      if (reply.status !== 200) throw KvRefusedError.of(reply.status, jsonOf(await whole(reply)));
      for await (const chunk of reply.body) {
        timer.cancel();
        yield chunk;
        timer = watch();
      }
    } finally {
      timer.cancel();
      stall.abort(new HoldfastError('KV_SNAPSHOT_DONE', 'The snapshot is not read any further.')); // ends what is not read
    }
  }
}

/** W1. */
function fetched(source: URL, reply: Incoming): Fetched {
  if (reply.status === 200) return changesIn(source, reply);
  const refusal = KvRefusedError.of(reply.status, jsonOf(reply));
  const { latest } = refusal.details;
  switch (refusal.code) {
    case 'CHANGES_GAP':
      return { kind: 'gap' };
    case 'CHANGES_DIVERGED':
      return { kind: 'diverged' };
    case 'CHANGES_AHEAD':
      return { kind: 'ahead', latest: typeof latest === 'number' ? latest : undefined };
    case 'TOO_LARGE':
      return { kind: 'too-large', error: refusal };
    default:
      throw refusal;
  }
}

function changesIn(source: URL, reply: Incoming): Fetched {
  const type = reply.headers['content-type'];
  if (type !== OCTETS) throw new SourceAnswerError(source, `the type of its answer is ${String(type)}`);
  try {
    return { kind: 'changes', ...changesFromBytes(reply.body) };
  } catch (error) {
    throw new SourceAnswerError(source, 'its changes are not understood', error);
  }
}

async function whole({ status, headers, body }: IncomingStream): Promise<Incoming> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return { status, headers, body: new Uint8Array(Buffer.concat(parts)) };
}
