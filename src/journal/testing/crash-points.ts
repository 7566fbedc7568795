/**
 * The table of crash points: every request of the story that is to be struck, and every way to strike it.
 */
import type { Chapter } from './crash-chapters.ts';
import { crash, RETURNS, undisturbed, type Crash, type Outcome, type Return } from './crash-recovery.ts';
import { changes, placesOf, stepsOf, type Place, type Step } from './crash-steps.ts';
import type { Past } from './crash-lab.ts';
import type { End, Moment } from './mortal-process.ts';

export interface Point {
  readonly chapter: Chapter;
  /** What the chapter begins with. */
  readonly past: Past;
  readonly step: Step;
  /** All steps of the process that is struck. */
  readonly steps: readonly Step[];
}

/** Lives the chapters undisturbed, one after the other. @throws when that alone goes wrong */
export async function pointsOf(
  chapters: readonly Chapter[],
  from: Past,
  choose: (steps: readonly Step[]) => readonly Step[],
): Promise<readonly Point[]> {
  const points: Point[] = [];
  let past = from;
  for (const chapter of chapters) {
    const told = await undisturbed(chapter, past);
    if (told.problems.length > 0) throw new Error(`${chapter.name}: ${told.problems.join('; ')}`);
    for (const name of new Set(told.requests.map(({ process }) => process))) {
      const steps = stepsOf(told.requests.filter(({ process }) => process === name));
      const before = past;
      points.push(...choose(steps).map((step) => ({ chapter, past: before, step, steps })));
    }
    past = told.past;
  }
  return points;
}

/** Every way to strike at the point so that the process ends like this; or fewer, where one is much like another. */
export function waysOf({ step }: Point, end: End, all: boolean): readonly Crash[] {
  const { number } = step.request;
  const at = (moment: Moment, returns?: Return): Crash => ({
    number,
    moment,
    end,
    ...(returns ? { returns } : {}),
  });
  const [before, effect] = ['before it reached the store', 'after its effect, before its answer'] as const;
  if (end === 'dies')
    return [at(before), at(effect), ...(all || changes(step) ? [at('after its answer')] : [])];
  if (changes(step) || (all && end === 'freezes'))
    return [before, effect].flatMap((moment) => RETURNS.map((returns) => at(moment, returns)));
  if (end !== 'freezes') return []; // a read that arrives late is nothing to anybody
  const [opened, compacted] = RETURNS;
  return [at(before, opened), at(effect, compacted)];
}

/** What came of one crash. */
export interface Struck extends Pick<Outcome, 'arrivedLate' | 'wasAsked'> {
  readonly places: readonly Place[];
}

/** Strikes at the points in every way, and looks at what is left. @throws when anything is wrong */
export async function strikeAll(points: readonly Point[], end: End, all = false): Promise<readonly Struck[]> {
  const struck: Struck[] = [];
  for (const point of points) {
    const { step, steps } = point;
    for (const way of waysOf(point, end, all)) {
      const { problems, struckAt, ...rest } = await crash(point.chapter, point.past, way);
      const { process, key } = step.request;
      const where = `${process} ${end} at request ${way.number} (${step.step}, ${key}) ${way.moment}, back ${way.returns ?? 'never'}`;
      if (struckAt?.key !== key) throw new Error(`${where}: the story went another way than undisturbed`);
      if (problems.length > 0) throw new Error([where, ...problems].join('\n'));
      struck.push({ ...rest, places: placesOf(steps, step, way.moment) });
    }
  }
  return struck;
}
