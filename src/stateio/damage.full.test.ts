/**
 * The sweeps of seeds.md §1.7 without gaps: G3, whose snapshot lies over three blocks, cut at every byte, one bit flipped in every byte, a sector of
 * zeros everywhere.
 */
import { expect, test } from '@jest/globals';
import { MemoryStateFile } from './testing/memory-file.ts';
import { readAll } from './testing/read-all.ts';
import { G3_BOUNDARIES, writeG3 } from './testing/vectors.ts';

const LONG = 'S'.repeat(70_000);
const [, , longStart = 0, longEnd = 0] = G3_BOUNDARIES;

/** What is read back, the long state by its name. */
async function told(bytes: Uint8Array): Promise<string> {
  const { state, epoch, updates, skipped, damage } = await readAll(new MemoryStateFile(bytes));
  const name = state === LONG ? 'long' : state;
  return [
    name,
    epoch,
    ...updates,
    skipped.length > 0 ? 'skipped' : '',
    damage.length > 0 ? 'damage' : '',
  ].join();
}

test('cut anywhere: the whole entries before the cut, and the rest reported', async () => {
  const { bytes } = await writeG3();
  for (let size = 0; size <= bytes.length; size++) {
    const whole = G3_BOUNDARIES.filter((end) => end <= size).length;
    const torn = size === 0 || G3_BOUNDARIES.includes(size) ? '' : 'skipped';
    const kept = [`,0,${torn},`, `,0,u1,${torn},`, `S1,26,${torn},`, `S1,26,u2,${torn},`, `long,78,${torn},`][
      whole
    ];
    const expected = whole === 5 ? 'long,78,u3,,' : kept;
    const found = await told(bytes.slice(0, size));
    if (found !== expected) expect({ size, found }).toEqual({ size, found: expected });
  }
}, 600_000);

test('a bit flipped in any byte: only what it hit is lost, and the newest intact epoch is found', async () => {
  const { bytes } = await writeG3();
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= 1 << ((at * 5) & 7);
    const found = await told(flipped);
    const expected =
      at < longStart ? 'long,78,u3,,' : at < longEnd ? /^S1,26,u2,skipped,/ : 'long,78,skipped,damage';
    const fits = typeof expected === 'string' ? found === expected : expected.test(found);
    if (!fits) expect({ at, found }).toEqual({ at, found: expected });
  }
}, 600_000);

test('a sector of zeros anywhere: the newest epoch that is intact, and no entry that was not written', async () => {
  const { bytes } = await writeG3();
  for (let at = 0; at < bytes.length; at += 16) {
    const holed = bytes.slice();
    holed.fill(0, at, at + 512);
    const text = await readAll(new MemoryStateFile(holed));
    const end = at + 512;
    const intact = text.state === LONG;
    // What the hole touches is lost, and behind it at most the rest of its block.
    if (end > longStart && at < longEnd) expect({ at, intact }).toEqual({ at, intact: false });
    if (at >= longStart && at < longEnd)
      expect({ at, ...text }).toMatchObject({ at, state: 'S1', updates: ['u2'] });
    if (at >= longEnd) expect({ at, ...text }).toMatchObject({ at, epoch: 78, updates: [] });
    for (const update of text.updates) expect(['u1', 'u2', 'u3']).toContain(update);
    expect([undefined, 'S1', LONG]).toContain(text.state);
    expect(text.skipped.length + text.damage.length).toBeGreaterThan(0);
  }
}, 600_000);
