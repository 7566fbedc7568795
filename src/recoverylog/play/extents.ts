/**
 * What is to be written to one file: pieces that do not overlap, in the order of their offsets. Pure but for the memory they hold.
 *
 * X1  The newest byte of each offset counts: what a later write covers is cut away, and never written.
 * X2  Small writes are copied, those that follow on one another together: into memories each twice as large as the one before, up to MAX_COPY_BYTES. So a
 *     file of many small writes is written in few pieces, and a small write does not hold on to what it was read with. Large ones are views.
 * X3  Bytes that nobody wrote are in no piece: the file has a hole there.
 */
import { Memory, type HeldMemory } from './held-memory.ts';

/** Bytes [start, end) of a memory, for `offset` of the file. */
export interface Extent {
  readonly offset: number;
  readonly memory: Memory;
  readonly start: number;
  end: number;
}

/** As much of it may be set aside and not used, for each file. */
const MAX_COPY_BYTES: number = 32 * 1024;
/** The least that is set aside when a small write follows on another. */
const MIN_GROWN_BYTES = 256;

const endOf = ({ offset, start, end }: Extent): number => offset + end - start;

export class Extents {
  readonly #account: HeldMemory;
  #list: Extent[] = [];

  constructor(account: HeldMemory) {
    this.#account = account;
  }

  /** A write whose bytes lie in `memory`, which is held from now on. */
  refer(offset: number, data: Uint8Array, memory: Memory): void {
    const start = data.byteOffset - memory.buffer.byteOffset;
    this.#lay({ offset, memory, start, end: start + data.length });
  }

  /** A write whose bytes are copied (X2). */
  copy(offset: number, data: Uint8Array): void {
    const at = this.#firstEndingBehind(offset);
    const around = this.#list[at];
    if (around && around.offset <= offset && endOf(around) >= offset + data.length) {
      if (around.memory.filled === undefined) return this.#lay(this.#copied(offset, data, data.length));
      around.memory.buffer.set(data, around.start + offset - around.offset);
      return;
    }
    const before = this.#list[at - 1];
    const follows = before !== undefined && endOf(before) === offset && before.memory.filled !== undefined;
    if (!follows) return this.#lay(this.#copied(offset, data, data.length));
    if (around && around.offset < offset + data.length)
      return this.#lay(this.#copied(offset, data, data.length));
    this.#grow(before, data);
  }

  /** Everything, which is under way from now on; whoever has written it drops the memories. */
  take(): readonly Extent[] {
    const taken = this.#list;
    this.#list = [];
    for (const { memory } of taken) memory.leave();
    return taken;
  }

  /** Nothing of it is to be written any more. */
  clear(): void {
    for (const { memory } of this.#list.splice(0)) this.#forget(memory);
  }

  /** `data` right behind the piece `before`: in its memory if there is room, else in new memory of twice the size (X2). */
  #grow(before: Extent, data: Uint8Array): void {
    const { memory, end } = before;
    const size = memory.buffer.length;
    if (memory.filled === end && end + data.length <= size) {
      memory.buffer.set(data, end);
      before.end += data.length;
      memory.filled = before.end;
    } else {
      const next = Math.min(MAX_COPY_BYTES, Math.max(MIN_GROWN_BYTES, 2 * size));
      this.#lay(this.#copied(endOf(before), data, next));
    }
  }

  #copied(offset: number, data: Uint8Array, size: number): Extent {
    const memory = new Memory(this.#account, Buffer.allocUnsafe(Math.max(size, data.length)));
    memory.buffer.set(data);
    memory.filled = data.length;
    return { offset, memory, start: 0, end: data.length };
  }

  /** X1 */
  #lay(extent: Extent): void {
    extent.memory.wait();
    const [begin, end] = [extent.offset, endOf(extent)];
    const from = this.#firstEndingBehind(begin);
    if (from === this.#list.length) {
      this.#list.push(extent);
      return;
    }
    let to = from;
    while (to < this.#list.length && this.#list[to]!.offset < end) to++;
    const laid = [extent];
    if (from < to) {
      const [first, last] = [this.#list[from]!, this.#list[to - 1]!];
      if (first.offset < begin) laid.unshift({ ...first, end: first.start + begin - first.offset });
      if (endOf(last) > end) laid.push({ ...last, offset: end, start: last.start + end - last.offset });
    }
    for (const piece of laid) if (piece !== extent) piece.memory.wait();
    for (const { memory } of this.#list.splice(from, to - from, ...laid)) this.#forget(memory);
  }

  #forget(memory: Memory): void {
    memory.leave();
    memory.drop();
  }

  #firstEndingBehind(offset: number): number {
    const list = this.#list;
    if (list.length === 0 || endOf(list.at(-1)!) <= offset) return list.length;
    let low = 0;
    for (let high = list.length; low < high;) {
      const middle = (low + high) >> 1;
      if (endOf(list[middle]!) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
