/**
 * A simulated world: what is drawn for it, what its actors share, and what they leave for the judge (judge.ts).
 *
 * A world is a short dense story rather than a long one: few records and many sessions, because what can go wrong goes wrong where sessions,
 * compactions and readers meet.
 */
import { seededRandom, VirtualClock, type SeededRandom } from '../../src/base/testing/index.ts';
import type { Journal, Range } from '../../src/journal/index.ts';
import { AdversaryStore, pickMalice, SharedObjects, type Malice } from './adversary.ts';
import { Shelf } from './application.ts';
import { Content, Truth } from './content.ts';
import { emptyTally, type Tally } from './tally.ts';

/** How long writers begin new lives. */
const LIFE_MS = 30_000;
/** How many worlds have writers that leave no gap between two commits while somebody opens, so that openers must leap. */
const BUSY_WORLDS = 0.4;
/** How many worlds prune. */
const PRUNING_WORLDS = 0.7;
/** Of the network. */
const MALICE = { levels: [0, 0.02, 0.1, 0.3], crawling: 0.5 };
const JOURNAL = { name: 'sim/journal', generation: 'g1' };

export interface Ack {
  readonly id: number;
  readonly begin: number;
  readonly fenceSeq: number;
}

export interface World {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly objects: SharedObjects;
  readonly malice: Malice;
  readonly untilMs: number;
  /** Whether its writers never rest while somebody opens. */
  readonly busy: boolean;
  readonly prunes: boolean;
  readonly shelf: Shelf;
  readonly truth: Truth;
  readonly tally: Tally;
  readonly acks: Ack[];
  readonly refused: number[];
  readonly fences: { readonly seq: number; readonly offset: number }[];
  readonly reads: { readonly ackedEnd: number; readonly head: number }[];
  /** Fences and holes that readers met. */
  readonly fencesRead: { readonly seq: number; readonly offset: number; readonly who: string }[];
  readonly holes: (Range & { readonly who: string })[];
  readonly damage: Error[];
  ackedEnd: number;
  nextId: number;
  nextTerm: number;
  /** Processes that are opening a session. */
  opening: number;
  /** Nobody appends before. */
  restUntilMs: number;
}

export function createWorld(seed: number): World {
  const random = seededRandom(seed);
  return {
    seed,
    clock: new VirtualClock(),
    random,
    objects: new SharedObjects(),
    malice: pickMalice(random, MALICE),
    untilMs: LIFE_MS,
    busy: random.chance(BUSY_WORLDS),
    prunes: random.chance(PRUNING_WORLDS),
    shelf: new Shelf(),
    truth: new Truth(),
    tally: emptyTally(),
    acks: [],
    refused: [],
    fences: [],
    reads: [],
    fencesRead: [],
    holes: [],
    damage: [],
    ackedEnd: 0,
    nextId: 1,
    nextTerm: 1,
    opening: 0,
    restUntilMs: 0,
  };
}

/** One process: its connection to the store, and its luck. */
export interface Process {
  readonly store: AdversaryStore;
  readonly journal: Journal;
  readonly random: SeededRandom;
}

export function connect(world: World, malice: Malice = world.malice): Process {
  const random = world.random.fork();
  const store = new AdversaryStore(world.objects, world.clock, random.fork(), malice);
  return { store, journal: { ...JOURNAL, store }, random };
}

/** A reader's content; a hole in what a stored hint or pin names is told at once (X10). */
export function contentOf(world: World, who: string, from = 0): Content {
  const onHole = (begin: number, end: number): void => {
    world.tally.holes++;
    if (world.shelf.isNeeded(begin, end))
      throw new Error(`X10: ${who} met the hole [${begin}, ${end}) in what is needed`);
    world.holes.push({ begin, end, who });
  };
  return new Content(world.truth, onHole, who, from);
}
