/**
 * testkit/world: lets code run at another time and with other luck, so that whatever depends on them shows (types Y2).
 *
 * The clocks and the randomness of the process are replaced while a synchronous call runs, and put back before anything else can run.
 */
import { systemClock } from '../../base/index.ts';

export interface World {
  /** Added to every clock, ms. */
  readonly shiftMs: number;
  /** What Math.random answers. */
  readonly luck: number;
}

const DAY_MS = 86_400_000;
/** Two worlds in which nothing that depends on time or luck can come out the same. */
export const WORLDS: readonly [World, World] = [
  { shiftMs: 0, luck: 0.25 },
  { shiftMs: 400 * DAY_MS + 12_345, luck: 0.75 },
];

/** Runs `work` in a world; of what it leaves for later, nothing runs in it. @throws what `work` throws */
export function inWorld<T>({ shiftMs, luck }: World, work: () => T): T {
  const RealDate = globalThis.Date;
  const now = systemClock.wallMs() + shiftMs;
  const since = systemClock.monotonicMs() + shiftMs;
  const WorldDate = new Proxy(RealDate, {
    construct: (target, args: unknown[]) =>
      Reflect.construct(target, args.length === 0 ? [now] : args) as object,
    get: (target, key) => (key === 'now' ? () => now : (Reflect.get(target, key) as unknown)),
  });
  const restore = [
    replace(globalThis, 'Date', WorldDate),
    replace(Math, 'random', () => luck),
    replace(performance, 'now', () => since),
  ];
  try {
    return work();
  } finally {
    for (const undo of restore) undo();
  }
}

/** Gives a property another value. @returns how to undo it */
function replace(target: object, key: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, key);
  Object.defineProperty(target, key, { value, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(target, key, own);
    else Reflect.deleteProperty(target, key);
  };
}
