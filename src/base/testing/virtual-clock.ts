/**
 * A clock that stands still until the simulation moves it.
 *
 * V1  `run` drains every promise job that is ready, then jumps to the next timer; equal times fire in the order they were set.
 * V2  Nothing real is waited for: code under simulation must take all its time from this clock. `run` fails loudly when the work it waits
 *     for is unfinished and no timer is left (a lost wake-up or real I/O inside the simulation).
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
/** Anchor of virtual wall time; any fixed date will do. */
const EPOCH_WALL_MS = 1_750_000_000_000;

export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #wallOffsetMs = 0;
  readonly #heap: Pending[] = [];

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
        pending.fire = undefined;
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
    for (;;) {
      await drainJobs();
      if (settled) return await done;
      const next = this.#pop();
      if (!next) throw new SimulationStalledError(this.#nowMs, 'work is unfinished and no timer is set');
      if (next.atMs > maxMs || timersLeft-- <= 0)
        throw new SimulationStalledError(this.#nowMs, 'limits of the run are used up');
      this.#nowMs = next.atMs;
      const fire = next.fire;
      next.fire = undefined;
      fire?.();
    }
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
        this.#sink();
      }
      if (top.fire) return top;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    let i = 0;
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

/** Lets every promise job that is ready run: setImmediate fires only once the job queue is empty. */
function drainJobs(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
