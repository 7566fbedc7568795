import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { decodeSlotHead } from '../format/slot.ts';
import { journalMetrics, type JournalMetrics } from '../metrics.ts';
import { JournalReader, openSession, type Journal, type Session } from '../index.ts';
import { lastSlots, story, type CalmJournal } from '../testing/index.ts';

/** Latency of an opener's requests unless a story says otherwise, ms. */
const OPENER_MS = 10;

/** What is in the log at this moment of virtual time; ends only when a tail is told. */
function readAll(calm: CalmJournal): ReturnType<typeof lastSlots> {
  const { clock, random } = calm;
  const { journal } = calm.client(0);
  return lastSlots({ reader: () => new JournalReader(journal, { clock, random }) });
}

interface OpenOptions {
  readonly term: number;
  readonly author?: number;
  readonly metrics?: JournalMetrics;
  readonly signal?: AbortSignal;
}

let authors = 100;

/** Reads to the tail, which takes no time, and opens. */
async function open(calm: CalmJournal, journal: Journal, options: OpenOptions): Promise<Session> {
  const { reader } = await readAll(calm);
  const { clock, random } = calm;
  return await openSession(journal, { cursor: reader.cursor, author: authors++, ...options, clock, random });
}

/** A session that appends one record after the other, each as soon as the one before is durable, until it is fenced or told to rest. */
class BusyWriter {
  readonly acknowledged: { text: string; atMs: number }[] = [];
  /** What was reported as certainly not in the log. */
  readonly refused: string[] = [];
  readonly session: Session;
  readonly ended: Promise<void>;
  #rest = false;

  constructor(calm: CalmJournal, session: Session) {
    this.session = session;
    this.ended = this.#write(calm);
  }

  rest(): void {
    this.#rest = true;
  }

  get text(): string {
    return this.acknowledged.map(({ text }) => text).join('');
  }

  async #write(calm: CalmJournal): Promise<void> {
    for (let n = 0; !this.#rest; n++) {
      const text = `${n};`;
      try {
        await this.session.append(utf8(text), { barrier: true }).committed;
      } catch (error) {
        if ((error as { outcome: string }).outcome === 'not-appended') this.refused.push(text);
        return;
      }
      this.acknowledged.push({ text, atMs: calm.clock.monotonicMs() });
    }
  }
}

async function busyWriter(
  calm: CalmJournal,
  latencyMs: number,
): Promise<{ busy: BusyWriter; store: CalmJournal['store'] }> {
  const near = calm.client(latencyMs);
  return { busy: new BusyWriter(calm, await open(calm, near.journal, { term: 1 })), store: near.store };
}

/** A store as a plain object, for a story that takes one call's place. */
function relay(store: ObjectStore): ObjectStore {
  return {
    url: store.url,
    create: (...args) => store.create(...args),
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    head: (...args) => store.head(...args),
    delete: (...args) => store.delete(...args),
    close: () => store.close(),
  };
}

/** Metrics that call back at the moments which a story wants to interfere with. */
function watched(on: Partial<Pick<JournalMetrics, 'leaped' | 'filled'>>): JournalMetrics {
  return { ...journalMetrics(), ...on };
}

/** The log says exactly what was acknowledged, and can be written to. */
async function expectTruth(calm: CalmJournal, busy: BusyWriter, next: Session): Promise<void> {
  expect(next.fenceOffset).toBe(busy.text.length);
  await next.append(utf8('new'), { barrier: true }).committed;
  expect((await readAll(calm)).text).toBe(`${busy.text}new`);
}

describe('a writer that wins every race', () => {
  test.each([10, 5, 4, 2])(
    'and commits every %i ms is fenced within 8 commits once the leap fence is put',
    (latencyMs) =>
      story(async (calm) => {
        const { busy } = await busyWriter(calm, latencyMs);
        const far = calm.client(OPENER_MS);
        let leapedMs = 0;
        const metrics = watched({ leaped: () => (leapedMs = calm.clock.monotonicMs()) });
        const next = await open(calm, far.journal, { term: 2, metrics });
        await busy.ended;
        expect(leapedMs).toBeGreaterThan(0);
        expect(busy.acknowledged.filter(({ atMs }) => atMs > leapedMs).length).toBeLessThanOrEqual(8);
        expect(await busy.session.ended).toMatchObject({ kind: 'fenced' });
        await expectTruth(calm, busy, next);
      }),
  );

  test.each([
    [1, 2],
    [0.2, 4],
  ])(
    'even when it commits every %d ms against requests of 10 ms: the leaps double, %i are enough',
    (latencyMs, enough) =>
      story(async (calm) => {
        const { busy } = await busyWriter(calm, latencyMs);
        const far = calm.client(OPENER_MS);
        const next = await open(calm, far.journal, { term: 2 });
        await busy.ended;
        const leaps = far.store.puts.filter(({ body }) => decodeSlotHead(body, 'test').leap);
        expect(leaps.length).toBe(enough);
        await expectTruth(calm, busy, next);
      }),
  );

  test('is told the truth about its last append, which a FILLER or the fence took the place of', () =>
    story(async (calm) => {
      const { busy } = await busyWriter(calm, 2);
      await open(calm, calm.client(OPENER_MS).journal, { term: 2 });
      await busy.ended;
      expect(busy.refused).toEqual([`${busy.acknowledged.length};`]);
      expect((await readAll(calm)).text).toBe(busy.text);
    }));

  // The whole of hazard H7 is a writer that lives; one that rests is fenced without any leap (session.test.ts).
  test('but rests while the leap fence is under way leaves holes, which are filled', () =>
    story(async (calm) => {
      const { busy } = await busyWriter(calm, 5);
      let filled = 0;
      const metrics = watched({ leaped: () => busy.rest(), filled: () => filled++ });
      const next = await open(calm, calm.client(OPENER_MS).journal, { term: 2, metrics });
      expect(filled).toBeGreaterThan(2);
      await expectTruth(calm, busy, next);
      expect(() => busy.session.append(utf8('late'))).not.toThrow(); // it does not know yet
      expect(await busy.session.ended).toMatchObject({ kind: 'fenced' });
    }));

  test('and whose append lands in a hole, its answer lost, has it acknowledged and kept', () =>
    story(async (calm) => {
      const { busy, store } = await busyWriter(calm, 2);
      const far = calm.client(OPENER_MS);
      const metrics = watched({
        leaped: () => {
          store.latencyMs = 15; // the next append reaches the store in the middle of the filling
          store.faults = ['ok', 'lost-answer'];
        },
      });
      const next = await open(calm, far.journal, { term: 2, metrics });
      await busy.ended;
      await expectTruth(calm, busy, next);
      const inHoles = far.store.puts.length;
      expect(inHoles).toBeGreaterThan(4); // three fences, the leap, and at least one filler
    }));

  test('and whose append never reached the store finds a FILLER in its place: fenced, and nobody can tell it that nothing landed', () =>
    story(async (calm) => {
      const { busy, store } = await busyWriter(calm, 2);
      const metrics = watched({
        leaped: () => (store.faults = ['lost-request', 'lost-request', 'lost-request']),
      });
      const next = await open(calm, calm.client(OPENER_MS).journal, { term: 2, metrics });
      await busy.ended;
      expect(busy.refused).toEqual([]); // an attempt without an answer (put-slot.ts P3)
      await expectTruth(calm, busy, next);
    }));
});

describe('an opener', () => {
  test.each([
    [2, 0],
    [3, 1],
  ])('that lost %i races has leaped %i times', (races, leaps) =>
    story(async (calm) => {
      const old = await open(calm, calm.client(1).journal, { term: 1 });
      const far = calm.client(OPENER_MS);
      let left = races;
      const store: ObjectStore = {
        ...relay(far.store),
        create: async (key, body, call) => {
          if (left-- > 0) await old.append(utf8('x'), { barrier: true }).committed;
          return await far.store.create(key, body, call);
        },
      };
      let leaped = 0;
      const metrics = watched({ leaped: () => leaped++ });
      const next = await open(calm, { ...far.journal, store }, { term: 2, metrics });
      expect(leaped).toBe(leaps);
      expect(next.fenceOffset).toBe(races);
    }),
  );
});

describe('lost answers', () => {
  const ok = Array.from({ length: 3 }, () => 'ok' as const); // three races lost
  test.each([
    ['to the leap fence', [...ok, 'lost-answer']],
    ['to the leap fence, which never arrived', [...ok, 'lost-request', 'busy']],
    ['to FILLERs', [...ok, 'ok', 'lost-answer', 'lost-answer', 'lost-request', 'busy', 'lost-answer']],
  ] as const)('%s change nothing', (_what, faults) =>
    story(async (calm) => {
      const { busy } = await busyWriter(calm, 2);
      const far = calm.client(OPENER_MS);
      far.store.faults = [...faults];
      const next = await open(calm, far.journal, {
        term: 2,
        metrics: watched({ leaped: () => busy.rest() }),
      });
      await busy.ended;
      await expectTruth(calm, busy, next);
    }),
  );
});

describe('two leaping openers', () => {
  const codeOf = (opening: Promise<Session>): Promise<string> =>
    opening.then(
      () => 'open',
      (error: { code: string }) => error.code,
    );

  test.each([
    [2, 3],
    [3, 2],
    [2, 2],
  ])('of the terms %i and %i: the log has one owner, of the higher term', (one, other) =>
    story(async (calm) => {
      for (const delayMs of [0, 3, 7, 15, 31, 64, 120]) {
        const last = (await readAll(calm)).reader.cursor;
        const base = Number(last.registers['term'] ?? '0');
        const near = calm.client(2);
        const busy = new BusyWriter(calm, await open(calm, near.journal, { term: base + 1 }));
        const openLater = async (term: number, afterMs: number): Promise<Session> => {
          await calm.clock.sleep(afterMs);
          return await open(calm, calm.client(OPENER_MS).journal, { term });
        };
        const openings = [openLater(base + one, 0), openLater(base + other, delayMs)];
        const codes = await Promise.all(openings.map(codeOf));
        await busy.ended;
        for (const code of codes) expect(['open', 'STALE_TERM', 'FENCED']).toContain(code);
        const { reader, text } = await readAll(calm);
        const owner = codes.findIndex(
          (code, i) => code === 'open' && [one, other][i] === Math.max(one, other),
        );
        expect(owner).toBeGreaterThanOrEqual(0);
        expect(reader.cursor.registers['term']).toBe(String(base + Math.max(one, other)));
        const session = await openings[owner]!;
        await session.append(utf8('+'), { barrier: true }).committed;
        expect((await readAll(calm)).text).toBe(`${text}+`);
        await session.close();
      }
    }),
  );
});

describe('a leap owner that dies', () => {
  /** The opener of term 2 dies after its leap fence and `fillers` FILLERs, or as an owner if there are fewer; the busy writer rests. */
  async function dies(calm: CalmJournal, fillers: number): Promise<BusyWriter> {
    const { busy } = await busyWriter(calm, 2);
    const death = new AbortController();
    let filled = 0;
    const check = (): void => {
      if (filled >= fillers) death.abort(new Error('died'));
    };
    const metrics = watched({
      leaped: () => {
        busy.rest();
        check();
      },
      filled: () => {
        filled++;
        check();
      },
    });
    const dying = open(calm, calm.client(OPENER_MS).journal, {
      term: 2,
      author: 7,
      metrics,
      signal: death.signal,
    });
    await dying.then(
      (session) => session.abandon('died'),
      () => undefined,
    );
    await busy.ended;
    return busy;
  }

  test.each([
    ['before filling', 0],
    ['half-way', 1],
  ])('%s leaves a tail that is told, and the next term opens at once', (_when, fillers) =>
    story(async (calm) => {
      const busy = await dies(calm, fillers);
      const { reader } = await readAll(calm); // ends only because the hole is told as the tail
      expect(reader.cursor.registers['term']).toBe('1'); // nobody has passed the holes
      const next = await open(calm, calm.client(OPENER_MS).journal, { term: 3 });
      await expectTruth(calm, busy, next);
    }),
  );

  test('after filling leaves a fence like any other', () =>
    story(async (calm) => {
      const busy = await dies(calm, Number.POSITIVE_INFINITY);
      expect((await readAll(calm)).reader.cursor.registers['term']).toBe('2');
      const next = await open(calm, calm.client(OPENER_MS).journal, { term: 3 });
      await expectTruth(calm, busy, next);
    }));

  test('and whose fence counts costs an opener that it may stop one try; what that one filled lets the next through', () =>
    story(async (calm) => {
      const busy = await dies(calm, 0);
      const again = open(calm, calm.client(OPENER_MS).journal, { term: 2, author: 7 });
      await expect(again).rejects.toMatchObject({ code: 'FENCED', outcome: 'not-appended' });
      expect((await readAll(calm)).reader.cursor.registers).toMatchObject({ term: '2', author: '7' });
      const next = await open(calm, calm.client(OPENER_MS).journal, { term: 3 });
      await expectTruth(calm, busy, next);
    }));
});
