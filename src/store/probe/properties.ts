/**
 * The promises a store must keep, one check each (s3log.md §6.12). A check returns what it saw or throws BrokenPromise with the evidence.
 *
 * Each check uses keys of its own, so that one broken promise does not hide another.
 */
import { equalBytes } from '../../base/index.ts';
import { BrokenPromise, type ProbeBench } from './bench.ts';

export interface Property {
  readonly name: string;
  /** What would happen to a journal on a store without it, as a clause without full stop. */
  readonly why: string;
  /** @throws BrokenPromise, or what the store threw. */
  readonly check: (bench: ProbeBench) => Promise<string>;
}

const BODY_BYTES = 100;
const RACERS = 16;
const RACE_ROUNDS = 3;
const FRESH_ROUNDS = 5;
/** LIST may lag (s3log.md §1.1, R2) but not for good. */
const LIST_LAG_ATTEMPTS = 9;

function demand(condition: boolean, broken: string): asserts condition {
  if (!condition) throw new BrokenPromise(broken);
}

async function demandHolds(bench: ProbeBench, key: string, body: Uint8Array, when: string): Promise<void> {
  const found = await bench.get(key);
  demand(found !== undefined, `${when} a GET did not find the object`);
  demand(
    equalBytes(found.body, body) && found.size === body.length,
    `${when} a GET gave other bytes than were stored`,
  );
}

const createAndRead: Property = {
  name: 'create-and-read',
  why: 'what was acknowledged has to be there, byte for byte, when a standby takes over',
  async check(bench) {
    const body = bench.bytes(BODY_BYTES);
    await demandHolds(bench, await bench.createNew('read', body), body, 'after its creation');
    return 'a new object reads back as it was written';
  },
};

const createRefused: Property = {
  name: 'create-refused-if-present',
  why: 'this refusal is what fences a writer that was replaced; without it the old one and the new one overwrite each other',
  async check(bench) {
    const body = bench.bytes(BODY_BYTES);
    const key = await bench.createNew('refuse', body);
    const again = await bench.create(key, bench.bytes(BODY_BYTES));
    demand(!again, 'a create of an existing key succeeded: the store ignores If-None-Match');
    await demandHolds(bench, key, body, 'after a refused create');
    return 'an existing object is neither created again nor changed';
  },
};

const oneWinner: Property = {
  name: 'one-winner-in-a-race',
  why: 'two writers that both believe they won a slot acknowledge data, and the data of one is lost',
  async check(bench) {
    for (let round = 1; round <= RACE_ROUNDS; round += 1) {
      const key = bench.key(`race-${round}`);
      const bodies = Array.from({ length: RACERS }, () => bench.bytes(BODY_BYTES));
      const won = await Promise.all(bodies.map((body) => bench.create(key, body, true)));
      const winners = bodies.filter((_, racer) => won[racer]);
      demand(
        winners.length === 1,
        `of ${RACERS} creates of one key at once ${winners.length} succeeded instead of 1`,
      );
      await demandHolds(bench, key, winners[0]!, 'after a race');
    }
    return `${RACE_ROUNDS} races of ${RACERS} creates had one winner each, whose bytes stayed`;
  },
};

const absenceTold: Property = {
  name: 'absence-is-told',
  why: 'the end of the journal is found by the first slot that does not exist',
  async check(bench) {
    const seen = await bench.exists(bench.key('absent'));
    demand(!seen.get && !seen.head, 'an object that never existed was found');
    return 'an object that does not exist is answered as absent';
  },
};

const readsFresh: Property = {
  name: 'reads-are-fresh',
  why: 'a new primary that does not see the last slots would go on from an old state',
  async check(bench) {
    for (let round = 1; round <= FRESH_ROUNDS; round += 1) {
      const key = bench.key(`fresh-${round}`);
      await bench.exists(key); // an absence that a cache may keep
      const body = bench.bytes(BODY_BYTES);
      demand(await bench.create(key, body), 'a key that never existed was refused as taken');
      const seen = await bench.exists(key);
      demand(
        seen.get && seen.head,
        'a new object was not found at once: a cache stands before the store, or it is not consistent',
      );
      await bench.delete(key);
      const left = await bench.exists(key);
      demand(!left.get && !left.head, 'an object was still found after its deletion');
    }
    return `${FRESH_ROUNDS} objects were seen at once when created and no more when deleted`;
  },
};

const createAfterDelete: Property = {
  name: 'create-after-delete',
  why: 'a journal that was removed can be made anew under the same name',
  async check(bench) {
    const key = await bench.createNew('again', bench.bytes(BODY_BYTES));
    await bench.delete(key);
    const body = bench.bytes(BODY_BYTES);
    demand(await bench.create(key, body), 'a deleted key was refused as taken');
    await demandHolds(bench, key, body, 'after a create in the place of a deleted object');
    return 'a deleted key can be created again';
  },
};

const ranges: Property = {
  name: 'ranges',
  why: 'recovery reads parts of large objects; a wrong part is wrong data',
  async check(bench) {
    const body = bench.bytes(BODY_BYTES);
    const key = await bench.createNew('range', body);
    const asked = [
      { start: 0, end: 10 },
      { start: 37, end: 53 },
      { start: 90, end: 1000 },
      { start: BODY_BYTES, end: BODY_BYTES + 10 },
    ];
    for (const range of asked) {
      const found = await bench.get(key, { range });
      const what = `a GET of bytes ${range.start} to ${range.end}`;
      demand(found !== undefined, `${what} did not find the object`);
      demand(
        equalBytes(found.body, body.subarray(range.start, range.end)),
        `${what} gave other bytes (${found.body.length})`,
      );
      demand(found.size === body.length, `${what} told the size ${found.size} instead of ${body.length}`);
    }
    return 'ranges are exact, cut at the end, and tell the size of the whole';
  },
};

/** Names in byte order, chosen so that other orders (of a locale, of upper and lower case) differ. */
const LISTED = [
  'list-!',
  'list--',
  'list-.',
  'list-0',
  'list-00',
  'list-A',
  'list-Z',
  'list-_',
  'list-a',
  'list-z',
  'list-~',
];

const listing: Property = {
  name: 'list-in-order',
  why: 'compaction and pruning find the slots by listing: a key left out for good would never be reclaimed',
  async check(bench) {
    const body = bench.bytes(1);
    await bench.createNew('lis', body); // neither this nor the next begins with `list-`
    await bench.createNew('lisu', body);
    await Promise.all(LISTED.map((name) => bench.createNew(name, body)));
    const lag = await waitListed(bench);
    await demandPages(bench, 'list-', undefined, LISTED);
    await demandPages(bench, 'list-', 'list-0', LISTED.slice(4));
    await demandPages(bench, 'list-', 'list-01', LISTED.slice(5)); // a start that does not exist
    await demandPages(bench, '', 'list-Z', [...LISTED.slice(7), 'lisu']);
    return `keys are listed in byte order after a start, page by page${lag}`;
  },
};

/** Waits until all keys are listed; says so when that took more than one look. */
async function waitListed(bench: ProbeBench): Promise<string> {
  const startMs = bench.clock.monotonicMs();
  for (let attempt = 0; ; attempt += 1) {
    const { names } = await bench.list('list-');
    const missing = LISTED.filter((name) => !names.includes(name));
    if (missing.length === 0)
      return attempt === 0
        ? ''
        : ` (complete ${Math.round(bench.clock.monotonicMs() - startMs)} ms after the last create)`;
    demand(
      attempt < LIST_LAG_ATTEMPTS,
      `a LIST still leaves out ${missing.length} of ${LISTED.length} objects`,
    );
    await bench.pause(attempt);
  }
}

/** Reads all pages of 3 keys from `startAfter` and demands exactly those among `expected`, in order. */
async function demandPages(
  bench: ProbeBench,
  prefix: string,
  startAfter: string | undefined,
  expected: readonly string[],
): Promise<void> {
  const names: string[] = [];
  let after = startAfter;
  for (let more = true; more && names.length <= expected.length;) {
    const page = await bench.list(prefix, after, 3);
    demand(page.names.length <= 3, 'a LIST gave more keys than its limit');
    names.push(...page.names);
    after = page.names.at(-1) ?? after;
    more = page.truncated && page.names.length > 0;
  }
  const what = `a LIST ${startAfter === undefined ? 'from the beginning' : `after ${startAfter}`}, read in pages,`;
  // without a prefix of their own, objects of other checks follow `lisu`
  const relevant = prefix === '' ? names.slice(0, expected.length) : names;
  demand(
    relevant.join(' ') === expected.join(' '),
    `${what} gave ${relevant.join(' ')} instead of ${expected.join(' ')}`,
  );
}

const versioning: Property = {
  name: 'versioning',
  why: 'deleted slots that are kept as old versions cost as much as live ones',
  async check(bench) {
    const state = (await bench.store.versioning?.()) ?? 'unknown';
    switch (state) {
      case 'off':
        return 'the bucket keeps no old versions';
      case 'unknown':
        return 'the store does not tell whether the bucket keeps old versions';
      case 'on':
      case 'suspended':
        return `versioning is ${state}: what is deleted still takes space; add a lifecycle rule that expires noncurrent versions`;
    }
    return state;
  },
};

/** In the order of the report; versioning is told, not demanded: deleting only frees less. */
export const PROPERTIES: readonly Property[] = [
  createAndRead,
  createRefused,
  oneWinner,
  absenceTold,
  readsFresh,
  createAfterDelete,
  ranges,
  listing,
  versioning,
];
