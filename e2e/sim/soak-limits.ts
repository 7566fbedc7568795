/**
 * What s3log.md §6 predicts for the life of soak.ts, as computed there and here; the tests hold what was measured against it. Requests and objects only:
 * how long anything takes depends on the machine.
 */
import { expect } from '@jest/globals';
import { BURST_APPENDS, BURSTS, SOAK, type SoakReport } from './soak.ts';

/** Keys of one page of a LIST. */
const PAGE = 1000;
/** §6.8: bytes of FENCEs for each handoff. */
const FENCE_BYTES = 300;
const DATA_SLOTS: number = BURSTS * BURST_APPENDS;
/** A burst is compacted once, by the interval: one fragment, one CHECKPOINT, and at most one more CHECKPOINT that prunes. */
const CREATES_PER_BURST = 3;
/** Merging keeps the number of fragments to the logarithm of their bytes; and those that wait for their grace. */
const FRAGMENTS = 12;
/** GETs that run ahead of a reader at the tail (reader.ts READ_AHEAD). */
const READ_AHEAD = 64;
/** Polls of a cold standby at the tail: every 2 s, 0.75 to 1 of it (§6.5 T4; 2 s is 0.53 USD a month). */
const POLLS_PER_HOUR: number = 3600 / (2 * 0.75);
/** Polls until it rests for 2 s again after a slot, from 50 ms and 1.5 times as long each: log(40) / log(1.5). */
const POLLS_AFTER_SLOT = 10;
/** The LIST of every 60 s of silence (T4). */
const LISTS_PER_HOUR = 60;

export function expectAsPredicted(report: SoakReport): void {
  expectBoundedObjects(report);
  for (const life of report.lives) expectBoundedLife(life);
  expectBoundedStandby(report.standby);
}

function expectBoundedObjects({
  lives,
  fences,
  otherSlots,
  fragments,
  indexBytes,
  tally,
  virtualDays,
}: SoakReport): void {
  expect(virtualDays).toBeGreaterThanOrEqual(SOAK.days);
  expect(lives).toHaveLength(SOAK.handoffs);
  // §6.4: every handoff leaves one FENCE, for ever, of at most 300 bytes: 0.3 MB after a thousand of them.
  expect(fences.count).toBe(SOAK.handoffs);
  expect(fences.bytes).toBeLessThanOrEqual(FENCE_BYTES * SOAK.handoffs);
  // §6.7: everything else is compacted by the interval of 10 min and deleted a grace of 15 min later, by this process or the next one, which counts anew:
  // what two lives wrote is the most that is there at once.
  expect(otherSlots).toBeLessThanOrEqual(2 * (DATA_SLOTS + 2 * BURSTS));
  expect(fragments).toBeLessThanOrEqual(FRAGMENTS);
  // §6.7: an index names 256 fragments before it leaves its slot. FENCEs inside pruned content are not in it.
  expect(indexBytes).toBeLessThan(4096);
  // Nothing was idle: each burst was compacted, and content was pruned all along.
  expect(tally.compactions).toBe(SOAK.handoffs * BURSTS);
  expect(tally.prunings).toBeGreaterThan(SOAK.handoffs / 10);
  expect(tally.deletedSlots).toBeGreaterThan(SOAK.handoffs * (DATA_SLOTS - BURST_APPENDS));
}

function expectBoundedLife({ opening, living, slots }: SoakReport['lives'][number]): void {
  // §6.8: a walk over all slots is one LIST page for each thousand FENCEs.
  const pages = Math.max(1, Math.ceil(slots / PAGE));
  // Opening walks them once to find the newest CHECKPOINT (T1), and proves the tail (T3) and its own FENCE (F4) with one LIST each. Whatever stands
  // above a slot is asked for once more when something came in between.
  expect(opening.list).toBeLessThanOrEqual(pages + 2 + 1);
  // One FENCE; nobody races.
  expect(opening.create).toBe(1);
  // A head and a CHECKPOINT for the plan, the fragments, the slots that are not compacted (those of the last burst at most), and what runs ahead of the
  // tail: the same for the first handoff as for the last.
  expect(opening.get).toBeLessThanOrEqual(2 + FRAGMENTS + BURST_APPENDS + READ_AHEAD);
  // One slot an append, and what compaction creates.
  expect(living.create).toBeLessThanOrEqual(DATA_SLOTS + BURSTS * CREATES_PER_BURST);
  // One walk to sweep up what the predecessor left below its floor.
  expect(living.list).toBeLessThanOrEqual(pages);
  // Compaction reads every slot once, looks at each fragment that it wrote, reads merged ones back; the sweep asks the head of what the
  // predecessor may have left, and of nothing that is reclaimed (reclaim.ts K4): the same for the first handoff as for the last.
  const compacting = DATA_SLOTS + 2 * BURSTS + 1 + BURSTS * (2 + FRAGMENTS);
  const sweeping = DATA_SLOTS + 2 * BURSTS + 1;
  expect(living.get).toBeLessThanOrEqual(compacting + sweeping);
}

function expectBoundedStandby({ requests, hours, slots }: SoakReport['standby']): void {
  // Each slot costs its GET, what runs ahead of it, and the polls until the standby rests again; its arrival at the tail costs a LIST.
  expect(requests.get).toBeLessThanOrEqual(hours * POLLS_PER_HOUR + slots * POLLS_AFTER_SLOT);
  expect(requests.list).toBeLessThanOrEqual(hours * LISTS_PER_HOUR + slots + 1);
  expect(requests.create + requests.delete).toBe(0);
}
