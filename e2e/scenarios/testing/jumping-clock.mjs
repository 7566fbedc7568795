/**
 * Preload that gives a program a wall clock which jumps: each SIGUSR2 moves it on to the next of the offsets, first an hour ahead, then an hour
 * behind, then back to the truth. The monotonic clock is left alone, as a real jump leaves it.
 */
const HOUR_MS = 3_600_000;
const OFFSETS = [0, HOUR_MS, -HOUR_MS];
const RealDate = Date;
let at = 0;

const now = () => RealDate.now() + OFFSETS[at];

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => (args.length === 0 ? new RealDate(now()) : Reflect.construct(target, args)),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

process.on('SIGUSR2', () => {
  at = (at + 1) % OFFSETS.length;
  process.stderr.write(`the clock now says ${new Date().toISOString()}\n`);
});
