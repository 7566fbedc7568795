/**
 * A clock that stands still until the simulation moves it.
 *
 * V1  `run` drains every promise job that is ready, then jumps to the next timer; equal times fire in the order they were set.
 * V2  Nothing real is waited for: code under simulation must take all its time from this clock. `run` fails loudly when the work it waits
 *     for is unfinished and no timer is left (a lost wake-up or real I/O inside the simulation).
 * V3  Timers that were cancelled cost nothing for long: most of them are deadlines, far ahead and never met.
 */
import type { Clock, Timer } from '../clock.ts';
import { HoldfastError } from '../errors.ts';

export class SimulationStalledError extends HoldfastError {
  constructor(atMs: number, reason: string) {
    super('SIMULATION_STALLED', `The simulation stands still at ${atMs} ms: ${reason}.`, {
      fields: { atMs, reason },
    });
  }
}

interface Pending {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once fired or cancelled. */
  fire: (() => void) | undefined;
}

export interface RunLimits {
  /** Virtual milliseconds after which the run is given up as a livelock. */
  readonly maxVirtualMs?: number;
  /** Timers after which the run is given up as a livelock. */
  readonly maxTimers?: number;
}

const DEFAULT_MAX_VIRTUAL_MS = 30 * 24 * 3_600_000;
const DEFAULT_MAX_TIMERS = 5_000_000;
/** Cancelled timers are swept out when they are the larger half of at least this many. */
const SWEEP_FROM = 64;
/** Anchor of virtual wall time; any fixed date will do. */
const EPOCH_WALL_MS = 1_750_000_000_000;

export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #wallOffsetMs = 0;
  #heap: Pending[] = [];
  /** Cancelled timers in the heap (V3). */
  #cancelled = 0;

  wallMs(): number {
    return EPOCH_WALL_MS + this.#nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Moves the wall clock, as an operator or NTP would; monotonic time is untouched. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const pending: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fire };
    this.#push(pending);
    return {
      cancel: () => {
        if (!pending.fire) return;
        pending.fire = undefined;
        this.#cancelled++;
        this.#sweep();
      },
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.timer(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Runs the simulation until `work` settles, and returns its value (V1, V2). */
  async run<T>(work: Promise<T>, limits: RunLimits = {}): Promise<T> {
    let settled = false;
    const done = work.finally(() => (settled = true));
    done.catch(() => undefined); // reported by the await below
    const maxMs = this.#nowMs + (limits.maxVirtualMs ?? DEFAULT_MAX_VIRTUAL_MS);
    let timersLeft = limits.maxTimers ?? DEFAULT_MAX_TIMERS;
    await eachTurn(() => {
      if (settled) return false;
      const next = this.#pop();
      if (!next) throw new SimulationStalledError(this.#nowMs, 'work is unfinished and no timer is set');
      if (next.atMs > maxMs || timersLeft-- <= 0)
        throw new SimulationStalledError(this.#nowMs, 'limits of the run are used up');
      this.#nowMs = next.atMs;
      const fire = next.fire;
      next.fire = undefined;
      fire?.();
      return true;
    });
    return await done;
  }

  #push(pending: Pending): void {
    const heap = this.#heap;
    heap.push(pending);
    let i = heap.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(heap[parent]!, heap[i]!)) break;
      [heap[parent], heap[i]] = [heap[i]!, heap[parent]!];
      i = parent;
    }
  }

  #pop(): Pending | undefined {
    for (;;) {
      const heap = this.#heap;
      const top = heap[0];
      if (!top) return undefined;
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        this.#sink(0);
      }
      if (top.fire) return top;
      this.#cancelled--;
    }
  }

  /** Drops the cancelled timers once they are the larger part (V3); the order of the others is what it was. */
  #sweep(): void {
    if (this.#heap.length < SWEEP_FROM || this.#cancelled * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter(({ fire }) => fire !== undefined);
    this.#cancelled = 0;
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    let i = from;
    for (;;) {
      const left = 2 * i + 1;
      let least = i;
      if (left < heap.length && before(heap[left]!, heap[least]!)) least = left;
      if (left + 1 < heap.length && before(heap[left + 1]!, heap[least]!)) least = left + 1;
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}

function before(a: Pending, b: Pending): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/**
 * Calls `act` again and again until it returns false or throws, each time once every promise job that is ready has run: a tick that is asked for by
 * a job comes when no job is left. No turn of the event loop is needed, which would be most of a simulation's time.
 */
function eachTurn(act: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const turn = (): void => {
      try {
        if (act()) queueMicrotask(askForTick);
        else resolve();
      } catch (error) {
        reject(error);
      }
    };
    const askForTick = (): void => process.nextTick(turn);
    queueMicrotask(askForTick);
  });
}
