import { describe, expect, test } from '@jest/globals';
import { createMetrics, silentLogger, systemRandom, toHex, type Logger } from '../base/index.ts';
import { OPEN_END } from '../journal/index.ts';
import { memoryHintsSlots, type HintsSlots } from '../persistence/index.ts';
import { MemoryObjects } from '../persistence/testing/index.ts';
import { encodeHintsJson, type FsmHints } from '../recoverylog/index.ts';
import { logNeeds, needsOf } from './log-needs.ts';

const LOG = 'default/s';
const { signal } = new AbortController();

/** Hints of one live file with the operations of bytes [begin, end). */
function hintsOf(begin: number, end: number, log = LOG): FsmHints {
  const segment = {
    author: 7,
    firstSeqNo: 1 + begin,
    firstOffset: begin,
    firstChecksum: 0,
    lastSeqNo: 1 + begin,
    lastOffset: end,
    log: '',
  };
  return { log, liveNodes: [{ fnode: 1 + begin, segments: [segment] }], properties: [] };
}

/** The same, with so much beside it that no annotation holds it. */
function largeHintsOf(begin: number, end: number): FsmHints {
  const { liveNodes, ...rest } = hintsOf(begin, end);
  const noise = Array.from({ length: 1500 }, (_, i) => ({
    path: `/${i}`,
    content: toHex(systemRandom.bytes(32)),
  }));
  return { ...rest, liveNodes, properties: noise };
}

/** Slots into which these hints were written one after the other, each pushing the older ones back. */
async function slotsWith(...written: readonly FsmHints[]): Promise<ReturnType<typeof memoryHintsSlots>> {
  const slots = memoryHintsSlots();
  for (const [i, hints] of written.entries())
    await slots.write({ term: i + 1, value: encodeHintsJson(hints), rotate: true });
  return slots;
}

const full = (): ReturnType<typeof slotsWith> =>
  slotsWith(hintsOf(100, 200), hintsOf(300, 400), hintsOf(500, 600));

describe('what is needed of a log', () => {
  test('is what any of the stored hints name, and everything behind where each of them ends', async () => {
    const needs = needsOf(LOG, await (await full()).readAll(), []);
    expect(needs).toMatchObject({
      kind: 'known',
      evidence: {
        ranges: [
          { begin: 500, end: OPEN_END },
          { begin: 300, end: OPEN_END },
          { begin: 100, end: OPEN_END },
        ],
      },
    });
  });

  test('is proved by slot, term and digest of every hints value, in few words', async () => {
    const needs = needsOf(LOG, await (await full()).readAll(), []);
    const proof = needs.kind === 'known' ? needs.evidence.proof : '';
    expect(proof).toMatch(
      /^primary of term 3: sha256 [0-9a-f]{16} needs all from 500 on; backup-0 of term 2: .*; backup-1 of term 1: .*$/,
    );
    expect(proof.length).toBeLessThan(400);
  });

  test('is not known while a slot is empty: hints that are not there cannot say what they need', async () => {
    const needs = needsOf(LOG, await (await slotsWith(hintsOf(1, 2), hintsOf(3, 4))).readAll(), []);
    expect(needs).toMatchObject({ kind: 'blocked', block: 'HintsMissing' });
  });

  test.each(['primary', 'backup-0', 'backup-1'])('is not known while slot %s is damaged', async (slot) => {
    const slots = await full();
    slots.annotations[slot] = slots.annotations[slot]!.replace('first_offset', 'first_0ffset');
    expect(needsOf(LOG, await slots.readAll(), [])).toMatchObject({
      kind: 'blocked',
      block: 'HintsDamaged',
    });
  });

  test('is not known when hints are of another log, or name no live file', async () => {
    for (const odd of [hintsOf(1, 2, 'default/other'), { ...hintsOf(1, 2), liveNodes: [] }]) {
      const slots = await slotsWith(odd, hintsOf(3, 4), hintsOf(5, 6));
      expect(needsOf(LOG, await slots.readAll(), [])).toMatchObject({
        kind: 'blocked',
        block: 'HintsDamaged',
      });
    }
  });

  test('is not known while anybody pins the log', async () => {
    expect(needsOf(LOG, await (await full()).readAll(), ['snap-1', 'snap-2'])).toMatchObject({
      kind: 'blocked',
      block: 'Pinned',
      why: expect.stringContaining('snap-1 and 1 more'),
    });
  });
});

describe("the compactor's question", () => {
  test('is answered from hints in the store as from others; while the object of one is gone nothing may be pruned', async () => {
    const objects = new MemoryObjects();
    const hints = memoryHintsSlots(objects);
    for (const [i, begin] of [100, 300, 500].entries())
      await hints.write({
        term: i + 1,
        value: encodeHintsJson(largeHintsOf(begin, begin + 100)),
        rotate: true,
      });
    expect(objects.all.size).toBe(3);
    const [pins, metrics] = [(): Promise<string[]> => Promise.resolve([]), createMetrics()];
    const needed = logNeeds({ log: LOG, hints, pins, logger: silentLogger, metrics });
    expect((await needed(signal))?.ranges.map(({ begin }) => begin)).toEqual([500, 300, 100]);
    objects.all.delete([...objects.all.keys()][0]!);
    expect(await needed(signal)).toBeUndefined();
    expect(await metrics.render()).toContain('prune_blocked{reason="HintsDamaged"} 1');
  });

  test('is answered from what is stored now; why not is said once, and shown by a metric', async () => {
    const slots = await full();
    const [lines, metrics] = [[] as string[], createMetrics()];
    const logger: Logger = { ...silentLogger, info: (line) => void lines.push(line) };
    let away: Error | undefined;
    let pins: string[] = [];
    const hints: Pick<HintsSlots, 'readAll'> = {
      readAll: (aborted) => (away ? Promise.reject(away) : slots.readAll(aborted)),
    };
    const needed = logNeeds({ log: LOG, hints, pins: () => Promise.resolve(pins), logger, metrics });
    const blocked = async (): Promise<string[]> =>
      [...(await metrics.render()).matchAll(/prune_blocked\{reason="(\w+)"\} 1/g)].map(
        ([, reason]) => reason!,
      );

    expect((await needed(signal))?.ranges.length).toBe(3);
    expect([lines, await blocked()]).toEqual([[], []]);
    away = new Error('the API server is away');
    expect([await needed(signal), await needed(signal)]).toEqual([undefined, undefined]);
    expect(await blocked()).toEqual(['HintsUnreadable']);
    away = undefined;
    pins = ['clone'];
    expect(await needed(signal)).toBeUndefined();
    expect(await blocked()).toEqual(['Pinned']);
    pins = [];
    await slots.write({ term: 9, value: encodeHintsJson(hintsOf(700, 800)), rotate: true });
    expect((await needed(signal))?.ranges[0]).toEqual({ begin: 700, end: OPEN_END });
    expect(await blocked()).toEqual([]);
    expect(lines).toEqual([
      'nothing of the log may be pruned',
      'nothing of the log may be pruned',
      'the log may be pruned again',
    ]);
  });

  test('ends with the signal, and takes that for no answer', async () => {
    const abort = new AbortController();
    const gone = new Error('stop');
    const needed = logNeeds({
      log: LOG,
      hints: await full(),
      pins: () => {
        abort.abort(gone);
        return Promise.reject(gone);
      },
      logger: silentLogger,
      metrics: createMetrics(),
    });
    await expect(needed(abort.signal)).rejects.toBe(gone);
  });
});
