/**
 * The readers of a simulated world. Tailers follow from the beginning, are broken off in mid-read and begin anew; late readers come at any time, start
 * where a stored hint or pin says, dawdle between two events, and so hold plans of any age.
 */
import { JournalReader } from '../../src/journal/index.ts';
import { tallyMetrics } from './tally.ts';
import { connect, contentOf, type World } from './world.ts';

/** How long tailers follow after the last life of a writer began, ms. */
const AFTERWARDS_MS = 15_000;
/** How likely a call of a tailer is broken off, within how many ms, and how likely another tailer takes its place then. */
const TORN = 0.05;
const TORN_MS = 60;
const RESTARTS = 0.3;
/** Longest time between two late readers, ms. */
const LATE_MS = 5000;
/** How long a late reader rests between two events, ms: mostly not at all, else shorter than the grace of deletion, or longer. */
const RESTS_MS = [0, 0, 0, 0, 0, 500, 2900, 10_000] as const;

/** Follows until the world is over. */
export async function tailer(world: World, who: string): Promise<void> {
  const { journal, random } = connect(world);
  const options = { clock: world.clock, random, pace: random.pick(['hot', 'cold'] as const) };
  const metrics = tallyMetrics(world.tally);
  let reader = new JournalReader(journal, { ...options, metrics });
  const content = contentOf(world, who);
  const overMs = world.untilMs + AFTERWARDS_MS;
  let stop = new AbortController(); // kept from call to call: a reader's requests run ahead under the signal of their call
  const breakOff = (): void => stop.abort(new Error('broken off'));
  const over = world.clock.timer(overMs - world.clock.monotonicMs(), breakOff);
  while (world.clock.monotonicMs() < overMs) {
    const timer = random.chance(TORN) ? world.clock.timer(random.below(TORN_MS), breakOff) : undefined;
    try {
      const event = await reader.next(stop.signal);
      content.take(event);
      if (event.kind === 'fence') world.fencesRead.push({ seq: event.seq, offset: event.offset, who });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      stop = new AbortController();
      world.tally.torn++;
      if (random.chance(RESTARTS)) {
        world.tally.restarted++;
        reader = new JournalReader(journal, { ...options, metrics, from: content.end });
      }
    } finally {
      timer?.cancel();
    }
  }
  over.cancel();
}

/** One late reader after another until no writer begins a new life. */
export async function lateReaders(world: World): Promise<void> {
  const { clock } = world;
  for (;;) {
    const { random } = world;
    await clock.sleep(random.below(LATE_MS));
    if (clock.monotonicMs() >= world.untilMs) return;
    await lateReader(world);
  }
}

async function lateReader(world: World): Promise<void> {
  const { clock, shelf } = world;
  const { journal, random } = connect(world);
  const start = random.pick([...shelf.pins, shelf.hints.at(-1), shelf.hints.at(-1)]);
  const from = start?.ranges[0]!.begin ?? 0;
  const metrics = tallyMetrics(world.tally);
  const reader = new JournalReader(journal, { clock, random, metrics, from });
  const content = contentOf(world, `a late reader from ${from}`, from);
  world.tally.lateReaders++;
  let moved = false;
  let planSeq: number | undefined;
  for (;;) {
    const event = await reader.next();
    content.take(event);
    const { plan, cursor } = reader;
    if (planSeq !== undefined && plan && plan.seq > planSeq && cursor.nextSeq < plan.index.floor)
      moved = true;
    planSeq = plan?.seq;
    if (event.kind === 'tail') break;
    const rest = random.pick(RESTS_MS);
    if (rest > 0) await clock.sleep(random.below(rest));
  }
  if (moved) world.tally.moved++;
}
