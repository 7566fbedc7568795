/**
 * Reading fragments ahead, against a store whose answers come when and as the test says. Bytes are counted by the store's wrapper: what was asked for
 * and not yet given back by the receiver.
 */
import { describe, expect, test } from '@jest/globals';
import { concatBytes, equalBytes, sha1Hex } from '../../base/index.ts';
import { seededRandom, type SeededRandom } from '../../base/testing/index.ts';
import type { GetCall, ObjectStore, StoredObject } from '../../store/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { compress, type Codec } from '../format/codec.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { ReadAhead } from './read-ahead.ts';
import { fetchFragment, type Content, type ReadLimits } from './read-fragment.ts';
import { ReadRoom } from './read-room.ts';

const LIMITS: ReadLimits = { requests: 3, bytes: 1000, rangeBytes: 100 };

interface Asked {
  readonly key: string;
  readonly call: GetCall;
  readonly answer: () => void;
}

/** A store whose GETs wait until the test lets them be answered. */
class SlowStore {
  readonly inner = new MemoryStore();
  readonly waiting: Asked[] = [];
  /** All GETs so far. */
  asked = 0;
  bytesAsked = 0;
  underway = 0;
  mostUnderway = 0;
  /** What the store makes of an answer. */
  bend: (key: string, call: GetCall, object: StoredObject | undefined) => StoredObject | undefined = (
    ...[, , object]
  ) => object;

  readonly port: ObjectStore = Object.create(this.inner, {
    get: { value: (key: string, call: GetCall) => this.#get(key, call) },
  }) as ObjectStore;

  async #get(key: string, call: GetCall): Promise<StoredObject | undefined> {
    this.asked++;
    this.bytesAsked += call.range!.end - call.range!.start;
    this.mostUnderway = Math.max(this.mostUnderway, ++this.underway);
    try {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          this.waiting.splice(this.waiting.indexOf(asked), 1);
          reject(call.signal!.reason as Error);
        };
        const answer = (): void => {
          call.signal?.removeEventListener('abort', onAbort);
          this.waiting.splice(this.waiting.indexOf(asked), 1);
          resolve();
        };
        const asked: Asked = { key, call, answer };
        this.waiting.push(asked);
        call.signal?.addEventListener('abort', onAbort, { once: true });
      });
      return this.bend(key, call, await this.inner.get(key, { range: call.range }));
    } finally {
      this.underway--;
    }
  }

  /** Answers everything, in an order drawn by `random`, until nothing more is asked for. */
  async answerAll(random: SeededRandom): Promise<void> {
    for (let idle = 0; idle < 5; idle++) {
      await settle();
      if (this.waiting.length === 0) continue;
      idle = 0;
      random.pick(this.waiting).answer();
    }
  }
}

const bytesOf = (content: Content): Uint8Array => concatBytes(content.map(({ bytes }) => bytes));

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Made {
  readonly store: SlowStore;
  readonly journal: Journal;
  readonly fragments: readonly Fragment[];
  readonly contents: readonly Uint8Array[];
}

/** A journal of fragments of the given lengths. */
async function made(lengths: readonly number[], codec: Codec = 'raw', seed = 1): Promise<Made> {
  const random = seededRandom(seed);
  const store = new SlowStore();
  // the name of a fragment knows its content, its key nothing of the store
  const journal: Journal = { store: store.port, name: 'tests/ahead', generation: 'g1' };
  const fragments: Fragment[] = [];
  const contents: Uint8Array[] = [];
  let begin = 0;
  for (const length of lengths) {
    const content = random.bytes(length);
    if (codec !== 'raw') content.fill(7, Math.floor(length / 2)); // half of it compresses
    const stored = await compress(codec, content);
    const fragment = {
      begin,
      end: begin + length,
      sha1: sha1Hex(content),
      codec,
      storedBytes: stored.length,
    };
    await store.inner.create(fragmentKey(journal, fragment), stored);
    fragments.push(fragment);
    contents.push(content);
    begin += length;
  }
  return { store, journal, fragments, contents };
}

/** Receives the first fragment of `ahead` and lets go of it piece by piece, answering GETs meanwhile. */
async function receive(
  ahead: ReadAhead,
  store: SlowStore,
  random: SeededRandom,
): Promise<Content | undefined> {
  const pending = ahead.content(undefined);
  pending.catch(() => undefined);
  await store.answerAll(random);
  return await pending;
}

describe('fragments fetched ahead', () => {
  test.each<[Codec, number]>([
    ['raw', 1],
    ['raw', 2],
    ['raw', 3],
    ['gzip', 4],
    ['zstd', 5],
  ])(
    'come whole and in order whatever order their ranges come in, within the bounds (%s, seed %i)',
    async (codec, seed) => {
      const random = seededRandom(seed);
      const lengths = Array.from({ length: 12 }, () => 1 + random.below(500));
      const { store, journal, fragments, contents } = await made(lengths, codec, seed);
      const ahead = new ReadAhead(journal, fragments, LIMITS);
      let released = 0;
      let most = 0;
      const look = (): void => void (most = Math.max(most, store.bytesAsked - released));
      for (const content of contents) {
        const pieces = (await receive(ahead, store, random))!;
        look();
        expect(equalBytes(bytesOf(pieces), content)).toBe(true);
        for (const { bytes } of pieces) {
          const { length } = bytes;
          released += codec === 'raw' ? length : 0;
          ahead.release(length);
          await settle();
          look();
        }
        ahead.advance();
      }
      expect(store.mostUnderway).toBe(LIMITS.requests);
      // every GET of a raw fragment counts as soon as it is asked for; so nothing is asked for that there is no room for
      if (codec === 'raw') expect(most).toBeLessThanOrEqual(LIMITS.bytes);
      expect(store.bytesAsked).toBe(fragments.reduce((sum, { storedBytes }) => sum + storedBytes, 0)); // each byte once
    },
  );

  test('use the room that there is: the next ones are asked for before the first one is delivered, and no further', async () => {
    const { store, journal, fragments } = await made([400, 400, 400, 400]);
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    await receive(ahead, store, seededRandom(1));
    expect(store.bytesAsked).toBe(1000);
    ahead.release(400);
    ahead.advance();
    await store.answerAll(seededRandom(1));
    expect(store.bytesAsked).toBe(1400);
  });

  test('larger than all room come nevertheless, one range at a time beyond it', async () => {
    const { store, journal, fragments, contents } = await made([2500, 300]);
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    const pieces = await receive(ahead, store, seededRandom(1));
    expect(equalBytes(bytesOf(pieces!), contents[0]!)).toBe(true);
    expect(store.bytesAsked).toBe(2500); // nothing of the next one, for which there is no room
  });

  test('of compressed content hold object and content: the next one waits until both have room', async () => {
    const { store, journal, fragments } = await made([600, 600], 'zstd');
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    await receive(ahead, store, seededRandom(1));
    expect(store.bytesAsked).toBe(fragments[0]!.storedBytes);
    ahead.release(600);
    ahead.advance();
    await store.answerAll(seededRandom(1));
    expect(store.bytesAsked).toBe(fragments[0]!.storedBytes + fragments[1]!.storedBytes);
  });

  test('end with the caller’s signal in the middle: nothing is under way, and a later call reads them from the beginning', async () => {
    const { store, journal, fragments, contents } = await made([400, 400]);
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    const caller = new AbortController();
    const pending = ahead.content(caller.signal);
    pending.catch(() => undefined);
    await settle();
    store.waiting[1]!.answer();
    await settle();
    expect(store.underway).toBe(3);
    const reason = new Error('the caller leaves');
    caller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await settle();
    expect(store.underway).toBe(0);
    const asked = store.asked;
    await settle();
    expect(store.asked).toBe(asked);
    const pieces = await receive(ahead, store, seededRandom(1));
    expect(equalBytes(bytesOf(pieces!), contents[0]!)).toBe(true);
  });

  test('end with the caller’s signal also between two calls, while the next ones are fetched', async () => {
    const { store, journal, fragments, contents } = await made([200, 400, 400]);
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    const caller = new AbortController();
    const pending = ahead.content(caller.signal);
    await settle();
    for (const asked of store.waiting.slice(0, 2)) asked.answer();
    await pending;
    await settle();
    expect(store.underway).toBe(3); // of the second and third
    caller.abort();
    await settle();
    expect(store.underway).toBe(0);
    ahead.release(200); // the receiver goes on with what it has
    ahead.advance();
    const pieces = await receive(ahead, store, seededRandom(1));
    expect(equalBytes(bytesOf(pieces!), contents[1]!)).toBe(true);
  });

  test('one that is gone is undefined at its turn, and nothing behind it is fetched', async () => {
    const { store, journal, fragments } = await made([200, 400, 400]);
    await store.inner.delete(fragmentKey(journal, fragments[1]!));
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    expect(await receive(ahead, store, seededRandom(1))).toBeDefined();
    ahead.release(200);
    ahead.advance();
    expect(await receive(ahead, store, seededRandom(1))).toBeUndefined();
    ahead.stop();
    await settle();
    expect(store.underway).toBe(0);
  });

  test('an error of one is seen at its turn, ends what is under way, and the next call tries again', async () => {
    const { store, journal, fragments, contents } = await made([200, 400, 100]);
    const broken = fragmentKey(journal, fragments[1]!);
    store.bend = (key, _, object) => {
      if (key === broken) throw new Error('the store fails');
      return object;
    };
    const ahead = new ReadAhead(journal, fragments, LIMITS);
    expect(await receive(ahead, store, seededRandom(1))).toBeDefined();
    ahead.release(200);
    ahead.advance();
    await expect(receive(ahead, store, seededRandom(1))).rejects.toThrow('the store fails');
    await settle();
    expect(store.underway).toBe(0);
    store.bend = (...[, , object]) => object;
    const pieces = await receive(ahead, store, seededRandom(1));
    expect(equalBytes(bytesOf(pieces!), contents[1]!)).toBe(true);
  });
});

describe('one fragment', () => {
  const wrongByte = (object: StoredObject): StoredObject => {
    const body = new Uint8Array(object.body);
    body[0]! ^= 1;
    return { ...object, body };
  };
  const short = (object: StoredObject): StoredObject => ({ ...object, body: object.body.subarray(1) });
  const longer = (object: StoredObject): StoredObject => ({ ...object, size: object.size + 1 });

  async function fetched(
    { store, journal, fragments }: Made,
    room: ReadRoom,
    times: number,
    bend: (object: StoredObject) => StoredObject,
  ): Promise<Content | undefined> {
    let bent = 0;
    store.bend = (_, { range }, object) => (range!.start === 100 && bent++ < times ? bend(object!) : object);
    const pending = fetchFragment(journal, fragments[0]!, room, { turn: 0, rangeBytes: LIMITS.rangeBytes });
    pending.catch(() => undefined);
    await store.answerAll(seededRandom(1));
    return await pending;
  }

  test.each<[string, Codec, (object: StoredObject) => StoredObject]>([
    ['wrong bytes', 'raw', wrongByte],
    ['wrong bytes', 'zstd', wrongByte],
    ['a short body', 'raw', short],
    ['another size', 'gzip', longer],
  ])('with %s once is read again on fresh connections (%s)', async (_, codec, bend) => {
    const all = await made([900], codec);
    const room = new ReadRoom(LIMITS);
    const seen: (boolean | undefined)[] = [];
    const get = all.store.port.get.bind(all.store.port);
    const journal = {
      ...all.journal,
      store: Object.create(all.store.port, {
        get: {
          value: (key: string, call: GetCall) => {
            seen.push(call.freshConnection);
            return get(key, call);
          },
        },
      }) as ObjectStore,
    };
    const pieces = await fetched({ ...all, journal }, room, 1, bend);
    expect(equalBytes(bytesOf(pieces!), all.contents[0]!)).toBe(true);
    expect(room.held).toBe(900); // the content, until its receiver lets go of it
    const again = Math.ceil(all.fragments[0]!.storedBytes / LIMITS.rangeBytes);
    expect(seen.slice(-again)).toEqual(Array.from({ length: again }, () => true));
    expect(seen[0]).toBe(false);
  });

  test.each<[string, (object: StoredObject) => StoredObject, RegExp]>([
    ['wrong bytes', wrongByte, /its SHA-1 is [0-9a-f]{40}/],
    ['a short body', short, /another length/],
  ])(
    'with %s again and again is damaged: nothing of it is handed out, and nothing is held',
    async (_, bend, words) => {
      const all = await made([900]);
      const room = new ReadRoom(LIMITS);
      await expect(fetched(all, room, 100, bend)).rejects.toThrow(words);
      expect([room.held, all.store.underway]).toEqual([0, 0]);
    },
  );

  test('whose index lies about the length of its content is damaged', async () => {
    const all = await made([900]);
    const fragment = { ...all.fragments[0]!, end: 901 };
    await all.store.inner.create(fragmentKey(all.journal, fragment), all.contents[0]!);
    await expect(fetched({ ...all, fragments: [fragment] }, new ReadRoom(LIMITS), 0, short)).rejects.toThrow(
      /it holds 900 bytes/,
    );
  });

  test('that is gone is undefined, and nothing is held or under way', async () => {
    const all = await made([900]);
    await all.store.inner.delete(fragmentKey(all.journal, all.fragments[0]!));
    const room = new ReadRoom(LIMITS);
    expect(await fetched(all, room, 0, short)).toBeUndefined();
    expect([room.held, all.store.underway]).toEqual([0, 0]);
  });
});

describe('the room', () => {
  const never = new AbortController().signal;

  test('lets in by turn, not by arrival', async () => {
    const room = new ReadRoom({ requests: 1, bytes: 100 });
    const order: number[] = [];
    await room.enter(0, 10, never);
    const others = [2, 1, 3].map((turn) => room.enter(turn, 10, never).then(() => order.push(turn)));
    for (let i = 0; i < 3; i++) {
      room.ended();
      await settle();
    }
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
  });

  test('does not let a small request pass a large one whose turn is nearer', async () => {
    const room = new ReadRoom({ requests: 4, bytes: 100 });
    await room.enter(0, 60, never);
    let entered = 0;
    void room.enter(1, 50, never).then(() => entered++);
    void room.enter(2, 10, never).then(() => entered++);
    await settle();
    expect(entered).toBe(0);
    room.release(60);
    await settle();
    expect(entered).toBe(2);
  });

  test('forgets who has left', async () => {
    const room = new ReadRoom({ requests: 1, bytes: 100 });
    await room.enter(0, 10, never);
    const leaver = new AbortController();
    const left = room.enter(1, 10, leaver.signal);
    const stays = room.enter(2, 10, never);
    leaver.abort(new Error('leaves'));
    await expect(left).rejects.toThrow('leaves');
    room.ended();
    await stays;
    expect(room.held).toBe(20);
  });
});
