/**
 * A simulated world of one shard of the key-value service: what is drawn for it, what its processes share, and what they leave for the judge.
 *
 * Everything is the production code but the network (adversary.ts), the disks (faults/disk), the operator and the clients: journal, player, recorder, state
 * machine runtime and the service that answers.
 */
import { seededRandom, VirtualClock, type SeededRandom } from '../../../src/base/testing/index.ts';
import type { Journal } from '../../../src/journal/index.ts';
import type { KvAnswer, KvQuery } from '../../../src/kvstore/testing/index.ts';
import type { FsmHints } from '../../../src/recoverylog/index.ts';
import type { RoleName, Service } from '../../../src/service/index.ts';
import { RegisterHistory } from '../../harness/register.ts';
import { AdversaryStore, pickMalice, SharedObjects, type Malice } from '../adversary.ts';
import { StateHashes } from './state-hashes.ts';
import { emptyKvTally, type KvTally } from './tally.ts';

/** How long clients begin new operations, virtual ms. */
const LIFE_MS = 40_000;
const NODES = 3;
/** Of the network. */
const MALICE = { levels: [0, 0.01, 0.04], crawling: 0.2 };
const JOURNAL = { name: 'sim/kv', generation: 'g1' };

export type KvService = Service<KvQuery, KvAnswer>;

/** What others see of a process, and can do to it (replica.ts). */
export interface Running {
  readonly connection: Connection;
  /** What clients reach; undefined once it is dead. */
  readonly service: KvService | undefined;
  readonly isAlive: boolean;
  /** It has played the log to its end once. */
  readonly isTailing: boolean;
  readonly role: RoleName;
  /** Tells it to take the log over; the first order counts. */
  promote(term: number): void;
  /** Tells it to finish what it has under way and to give the log up. */
  leave(): void;
  kill(): void;
}

/** A place where one process at a time runs; the next one finds its disk. */
export interface Node {
  readonly name: string;
  /** The process that runs there now. */
  replica: Running | undefined;
}

export interface Assignment {
  readonly term: number;
  readonly node: Node;
}

export interface KvWorld {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly objects: SharedObjects;
  readonly malice: Malice;
  readonly untilMs: number;
  readonly nodes: readonly Node[];
  readonly history: RegisterHistory;
  readonly hashes: StateHashes;
  readonly tally: KvTally;
  /** Errors that no process may end with. */
  readonly damage: Error[];
  /** State bytes behind a snapshot that start the next one. */
  readonly snapshotAfterBytes: number;
  assignment: Assignment | undefined;
  /** Whoever is promoted next gets a higher one. */
  term: number;
  /** The newest hints that were stored. */
  hints: { readonly term: number; readonly hints: FsmHints } | undefined;
  authors: number;
}

export function createKvWorld(seed: number): KvWorld {
  const random = seededRandom(seed);
  return {
    seed,
    clock: new VirtualClock(),
    random,
    objects: new SharedObjects(),
    malice: pickMalice(random, MALICE),
    untilMs: LIFE_MS,
    nodes: Array.from({ length: NODES }, (_, n) => ({ name: `node-${n}`, replica: undefined })),
    history: new RegisterHistory(),
    hashes: new StateHashes(),
    tally: emptyKvTally(),
    damage: [],
    snapshotAfterBytes: random.pick([300, 1500, 20_000]),
    assignment: undefined,
    term: 0,
    hints: undefined,
    authors: 1,
  };
}

/** One process's connection to the store. */
export interface Connection {
  readonly store: AdversaryStore;
  readonly journal: Journal;
  readonly random: SeededRandom;
}

export function connect(world: KvWorld, malice: Malice): Connection {
  const random = world.random.fork();
  const store = new AdversaryStore(world.objects, world.clock, random.fork(), malice);
  return { store, journal: { ...JOURNAL, store }, random };
}
