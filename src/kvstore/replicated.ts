/**
 * The key-value service of a replica of the shard: commands go through the log, queries to the machine.
 *
 * A1  A repeated identity with other content is told so (engine.ts Z1) and nothing is done.
 * A2  While the contents are being replaced, writes are told BUSY; that is the first result of their identity, so whoever asks again later takes a new one.
 */
import { equalBytes, type Clock, type Random } from '../base/index.ts';
import { type Service } from '../service/index.ts';
import { type Result } from '../statemachine/index.ts';
import { openStore } from '../store/index.ts';
import { commandDigest, encodeCommand, type Command } from './command.ts';
import { RESULT_BUSY } from './engine/state.ts';
import { Store } from './engine/store.ts';
import { type Answer, type BackupReport, type Query, type QueryAnswer } from './engine/types.ts';
import { KvError } from './errors.ts';
import { type IdempotencyKey } from './http/identity.ts';
import {
  type Consistency,
  type KvService,
  type ReadResult,
  type ReplicaRole,
  type Write,
  type WriteTold,
} from './service.ts';

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly recordedDir: string | undefined;
}

export class ReplicatedKv implements KvService {
  readonly #service: Service<Query, Answer>;
  readonly #clock: Clock;
  readonly #store: Store;

  constructor(service: Service<Query, Answer>, { clock, random, recordedDir }: Ports) {
    this.#service = service;
    this.#clock = clock;
    this.#store = new Store({
      propose: (cmd, signal) => service.propose(cmd, {}, signal),
      read: async (query, signal) => {
        const { answer } = await service.read(query, 'linearizable', signal);
        return answer as QueryAnswer<typeof query>;
      },
      openStore,
      recordedDir,
      clock,
      random,
    });
  }

  role(): ReplicaRole {
    const { role } = this.#service.status();
    return role === 'serving' || role === 'draining' ? 'primary' : 'standby';
  }

  async write(command: Command, identity: IdempotencyKey): Promise<number> {
    const cmd = encodeCommand(command, this.#clock.wallMs());
    const answer = outcomeOf(cmd, identity, await this.#service.propose(cmd, proposalOf(identity)));
    if (typeof answer !== 'number') throw answer;
    return answer;
  }

  async writeAll(writes: readonly Write[], told: WriteTold): Promise<void> {
    const nowMs = this.#clock.wallMs();
    const commands = writes.map(({ command, identity }) => ({
      cmd: encodeCommand(command, nowMs),
      identity: proposalOf(identity),
    }));
    await this.#service.proposeAll(commands, (n, outcome) =>
      told(n, outcome instanceof Error ? outcome : outcomeOf(commands[n]!.cmd, writes[n]!.identity, outcome)),
    );
  }

  async read<Q extends Query>(query: Q, consistency: Consistency): Promise<ReadResult<QueryAnswer<Q>>> {
    const found = await this.#service.read(query, consistency);
    return { ...found, answer: found.answer as QueryAnswer<Q> };
  }

  beginSession(): Promise<bigint> {
    return this.#service.registerSession();
  }

  endSession(session: bigint): Promise<boolean> {
    return this.#service.unregisterSession(session);
  }

  backupTo(url: string, signal: AbortSignal): Promise<BackupReport> {
    return this.#store.backupTo(url, signal);
  }

  restoreFrom(url: string, signal: AbortSignal): Promise<BackupReport> {
    return this.#store.restoreFrom(url, signal);
  }
}

/** What a result means to whoever sent the command. */
function outcomeOf(cmd: Uint8Array, { kind }: IdempotencyKey, { value, data }: Result): number | KvError {
  if (kind !== 'none' && !equalBytes(data, commandDigest(cmd)))
    return new KvError(
      'REQUEST_ID_REUSED',
      'This request id, or series, belongs to an earlier request with other content. Nothing was done; use a new one.',
    ); // A1
  if (value === RESULT_BUSY)
    return new KvError(
      'BUSY',
      'The contents are being replaced; nothing was done. Try again later, with a new request id or series.',
    ); // A2
  return value;
}

const NO_IDENTITY = {};

function proposalOf(identity: IdempotencyKey): Parameters<Service<Query, Answer>['propose']>[1] {
  if (identity.kind === 'none') return NO_IDENTITY;
  if (identity.kind === 'request') return { requestId: identity.requestId };
  const { clientId, series, respondedTo } = identity;
  return { session: { clientId, series, respondedTo } };
}
