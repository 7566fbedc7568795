/**
 * heap: how much must be new before V8 marks the whole heap again.
 *
 * H1  V8 does that after every 64 MiB of buffers, however large the heap is. Marking a heap of 400,000 keys took half a second of the one thread, and stopped
 *     everything for the last of it, a twentieth to a quarter of a second; a primary that writes a snapshot makes as many buffers in a second (docs/reports/state.md).
 * H2  So in a large heap buffers count like all other memory, and it is marked again when all of that is twice what was left the last time. A small one stays as
 *     V8 has it: marking it costs little, and so little memory is to stay little.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock, Timer } from './clock.ts';

/** From here on a heap is large, bytes: what it holds beside its garbage is then more than all buffers that V8 waits for. */
export const LARGE_HEAP_BYTES: number = 128 * 1024 * 1024;
/** Between two looks, ms: a restore fills a heap in seconds. */
const PERIOD_MS = 250;
/** V8 as Node.js 24 has it; a later one counts buffers so by itself, and complains about flags that it does not know. */
const KNOWS_FLAGS: boolean = process.versions.v8.startsWith('13.');
const LARGE = ['--external-memory-accounted-in-global-limit', '--heap-growing-percent=100'];
const SMALL = ['--no-external-memory-accounted-in-global-limit', '--heap-growing-percent=0'];

/** Keeps H2 for this process until it is stopped. */
export class HeapWatch {
  readonly #clock: Clock;
  readonly #heapBytes: () => number;
  readonly #setFlag: (flag: string) => void;
  #isLarge = false;
  #timer: Timer | undefined;

  /** The last two are for tests. */
  constructor(
    clock: Clock,
    heapBytes: () => number = () => getHeapStatistics().used_heap_size,
    setFlag: (flag: string) => void = setFlagsFromString,
  ) {
    this.#clock = clock;
    this.#heapBytes = heapBytes;
    this.#setFlag = setFlag;
  }

  start(): void {
    if (!KNOWS_FLAGS) return;
    this.#look();
    this.#timer = this.#clock.timer(PERIOD_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Garbage counts too, so that a heap is small again only when it has half of that. */
  #look(): void {
    const bound = this.#isLarge ? LARGE_HEAP_BYTES / 2 : LARGE_HEAP_BYTES;
    const isLarge = this.#heapBytes() >= bound;
    if (isLarge === this.#isLarge) return;
    this.#isLarge = isLarge;
    for (const flag of isLarge ? LARGE : SMALL) this.#setFlag(flag);
  }
}
