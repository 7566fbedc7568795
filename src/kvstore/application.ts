/**
 * The key-value service as an application of the agent: its machine, and its HTTP routes, over what every replicated service has (src/service).
 *
 * A1  A repeated request id with other content is told so (engine/engine.ts Z1) and nothing is done.
 */
import { equalBytes, systemClock, type Clock } from '../base/index.ts';
import {
  listenHttp,
  machineApplication,
  ServiceError,
  type Serve,
  type Service,
  type ServiceApplication,
} from '../service/index.ts';
import { commandDigest, encodeCommand, type Command } from './command.ts';
import { MemoryEngine } from './engine/memory-engine.ts';
import { type Answer, type Query, type QueryAnswer } from './engine/types.ts';
import { KvError } from './errors.ts';
import { MAX_BODY_BYTES_UNDER_WAY, MAX_REQUESTS_UNDER_WAY, type AdmissionLimits } from './http/admission.ts';
import { makeServer } from './http/server.ts';
import { type Consistency, type KvService, type ReadResult } from './service.ts';

/** Longest wait of a request for the log, ms: past a slow store's worst put, below the patience of common clients. */
const REQUEST_DEADLINE_MS = 15_000;

export interface KvApplicationOptions {
  readonly admission?: AdmissionLimits;
  readonly requestDeadlineMs?: number;
  /** By which it is told what has expired. */
  readonly clock?: Clock;
}

export type KvApplication = ServiceApplication<Query, Answer>;

/** A key-value service for an agent to host. */
export function kvApplication(options: KvApplicationOptions = {}): KvApplication {
  const machine = new MemoryEngine({ clock: options.clock ?? systemClock });
  return machineApplication({ machine, serve: serveKv(machine, options) });
}

/** What listens for the clients of a replica with this machine. */
export function serveKv(
  machine: Pick<MemoryEngine, 'keys' | 'dataBytes'>,
  options: KvApplicationOptions = {},
): Serve<Query, Answer> {
  return async (service, context) => {
    context.metrics.gauge({
      name: 'holdfast_kv_keys',
      help: 'Keys held by this replica.',
      read: () => machine.keys,
    });
    context.metrics.gauge({
      name: 'holdfast_kv_data_bytes',
      help: 'Bytes of keys and values held by this replica.',
      read: () => machine.dataBytes,
    });
    const server = makeServer({
      ...context,
      service: new ReplicatedKv(service, context.clock),
      admission: options.admission ?? {
        requests: MAX_REQUESTS_UNDER_WAY,
        bodyBytes: MAX_BODY_BYTES_UNDER_WAY,
      },
      requestDeadlineMs: options.requestDeadlineMs ?? REQUEST_DEADLINE_MS,
    });
    return await listenHttp(server, context);
  };
}

/** What the HTTP side asks for, of the replica. */
class ReplicatedKv implements KvService {
  readonly #service: Service<Query, Answer>;
  readonly #clock: Clock;

  constructor(service: Service<Query, Answer>, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
  }

  async write(command: Command, requestId: string, signal: AbortSignal): Promise<number> {
    const cmd = encodeCommand(command, this.#clock.wallMs());
    const result = await this.#service.propose(cmd, { requestId }, signal).catch(rethrow);
    if (equalBytes(result.data, commandDigest(cmd))) return result.value;
    throw new KvError(
      'REQUEST_ID_REUSED',
      'This request id belongs to an earlier request with other content. Nothing was done; use a new id.',
      { fields: { requestId } },
    ); // A1
  }

  async read<Q extends Query>(
    query: Q,
    consistency: Consistency,
    signal: AbortSignal,
  ): Promise<ReadResult<QueryAnswer<Q>>> {
    const found = await this.#service.read(query, consistency, signal).catch(rethrow);
    return { ...found, answer: found.answer as QueryAnswer<Q> };
  }
}

/** What the replica says, in the words of this service. */
function rethrow(thrown: unknown): never {
  if (!(thrown instanceof ServiceError)) throw thrown;
  const { code, message } = thrown;
  if (code === 'SESSION_UNKNOWN' || code === 'SERIES_ANSWERED') throw thrown; // nobody has sessions here
  throw new KvError(code === 'INVALID_COMMAND' ? 'TOO_LARGE' : code, message, { cause: thrown });
}
