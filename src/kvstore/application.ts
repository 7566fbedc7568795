/**
 * The key-value service as an application of the agent: its machine, and its HTTP routes, over what every replicated service has (src/service).
 */
import { systemClock, type Clock } from '../base/index.ts';
import { type StateMachine } from '../statemachine/index.ts';
import { listenHttp, machineApplication, type Serve, type ServiceApplication } from '../service/index.ts';
import { type Pin } from './engine/engine.ts';
import { MemoryEngine } from './engine/memory-engine.ts';
import { SqliteEngine } from './engine/sqlite/sqlite-engine.ts';
import { type Answer, type EngineStats, type Query } from './engine/types.ts';
import { MAX_BODY_BYTES_UNDER_WAY, MAX_REQUESTS_UNDER_WAY, type AdmissionLimits } from './http/admission.ts';
import { makeServer } from './http/server.ts';
import { ReplicatedKv } from './replicated.ts';

/** Longest wait of a request for the log, ms: past a slow store's worst put, below the patience of common clients. */
const REQUEST_DEADLINE_MS = 15_000;

export interface KvApplicationOptions {
  readonly admission?: AdmissionLimits;
  readonly requestDeadlineMs?: number;
  /** Where the pairs are: in memory (the default), or in a SQLite database in the recorded directory, for more than memory holds. */
  readonly engine?: EngineStats['engine'];
  /** The directory whose writes go to the log: no backup is written there. */
  readonly recordedDir?: string;
  /** By which it is told what has expired. */
  readonly clock?: Clock;
}

export type KvApplication = ServiceApplication<Query, Answer>;

/** The machine of the service, not open. */
export function kvMachine({ engine = 'memory', clock = systemClock }: KvApplicationOptions): KvMachine {
  return engine === 'memory' ? new MemoryEngine({ clock }) : new SqliteEngine({ clock });
}

export type KvMachine = StateMachine<Query, Answer, Pin> & Pick<MemoryEngine, 'keys' | 'dataBytes'>;

/** A key-value service for an agent to host. */
export function kvApplication(options: KvApplicationOptions = {}): KvApplication {
  const machine = kvMachine(options);
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
      service: new ReplicatedKv(service, { ...context, recordedDir: options.recordedDir }),
      admission: options.admission ?? {
        requests: MAX_REQUESTS_UNDER_WAY,
        bodyBytes: MAX_BODY_BYTES_UNDER_WAY,
      },
      requestDeadlineMs: options.requestDeadlineMs ?? REQUEST_DEADLINE_MS,
    });
    return await listenHttp(server, context);
  };
}
