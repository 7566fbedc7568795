/**
 * A log as what stands in it, one thing after another, past any damage that the format lets one pass. For looking: a player stops where this goes on.
 *
 * K1  An intact frame that holds no operation is passed over whole; a frame whose length cannot be true by its magic word only, and what follows is a desync.
 *     Data of a write that cannot be read follows as a desync too.
 * K2  Every byte is accounted for: what is told adjoins, from the first byte asked for to the last.
 * K3  One operation is in memory at a time, and what a frame needs to be whole (frame.ts: MAX_DATA_BYTES at most). What is told refers to that memory: it is
 *     used before the next is asked for.
 */
import { concatBytes, equalBytes, viewOf, type Clock, type Logger, type Random } from '../../base/index.ts';
import { JournalReader, type Journal, type JournalEvent, type Registers } from '../../journal/index.ts';
import { ReplayError } from '../errors.ts';
import { FRAME_HEADER_BYTES, FrameReader, MAX_OP_BYTES } from '../format/frame.ts';
import type { RecordedOp } from '../format/op.ts';

interface Span {
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export type LogItem =
  /** An operation; of a write, its data lies at the end of its bytes. */
  | (Span & { readonly kind: 'op'; readonly op: RecordedOp; readonly payload: Uint8Array })
  /** Bytes that are no frame, up to the next one. */
  | (Span & { readonly kind: 'desync' })
  /** A frame that cannot be read (K1). */
  | (Span & { readonly kind: 'damage'; readonly problem: string })
  /** An operation that was never finished: a fence or the head follows. */
  | (Span & { readonly kind: 'cut'; readonly by: 'fence' | 'hole' | 'head' })
  | (Span & { readonly kind: 'fence'; readonly slot: number; readonly registers: Registers | undefined })
  /** Pruned on purpose. */
  | (Span & { readonly kind: 'hole' })
  /** The end of the log, as of now. */
  | (Span & { readonly kind: 'head' });

/** What a frame begins with (frame.ts). */
const MAGIC = Uint8Array.of(0x66, 0x33, 0x93, 0x36);

export interface ScanOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly signal?: AbortSignal | undefined;
}

/** What stands in a log from byte `from` to its head, which is told last. @throws as JournalReader.next */
export async function* scanLog(
  journal: Journal,
  from: number,
  { signal, ...ports }: ScanOptions,
): AsyncGenerator<LogItem, void> {
  const enough = new AbortController(); // whoever stops listening ends what is read ahead
  const stop = signal ? AbortSignal.any([signal, enough.signal]) : enough.signal;
  const reader = new JournalReader(journal, { ...ports, from, pace: 'hot' });
  const scanner = new LogScanner(journal.name, from);
  try {
    for (;;) {
      const event = await reader.next(stop);
      yield* scanner.take(event);
      if (event.kind === 'tail') return;
    }
  } finally {
    enough.abort(new Error('no more of this log is wanted'));
  }
}

/** From a journal's events what stands in the log. Give events from one byte on, in their order, up to a tail; then nothing more. */
export class LogScanner {
  readonly #log: string;
  #frames: FrameReader;
  /** What was given to the frame reader and may still be pending in it, oldest first; the last ends where the reader's input does. */
  #held: { readonly begin: number; readonly bytes: Uint8Array }[] = [];
  /** Bytes that are no frame, and whose end is not known yet. */
  #desync: Span | undefined;

  constructor(log: string, offset: number) {
    this.#log = log;
    this.#frames = new FrameReader(log, offset);
  }

  /** Offset of the first byte that was not told. */
  get offset(): number {
    return this.#desync?.firstOffset ?? this.#frames.offset;
  }

  /** What an event adds (K2, K3). */
  *take(event: JournalEvent): Generator<LogItem, void> {
    switch (event.kind) {
      case 'data':
        this.#held.push({ begin: event.begin, bytes: event.bytes });
        this.#frames.push(event.bytes);
        yield* this.#whole();
        this.#keepPending();
        event.done?.();
        return;
      case 'fence':
        yield* this.#end('fence');
        yield {
          kind: 'fence',
          firstOffset: event.offset,
          lastOffset: event.offset,
          slot: event.seq,
          registers: event.registers,
        };
        return;
      case 'hole':
        yield* this.#end('hole');
        yield { kind: 'hole', firstOffset: event.begin, lastOffset: event.end };
        this.#frames = new FrameReader(this.#log, event.end);
        return;
      case 'tail':
        yield* this.#end('head');
        yield { kind: 'head', firstOffset: event.offset, lastOffset: event.offset };
    }
  }

  /** Everything that is whole by now. */
  *#whole(): Generator<LogItem, void> {
    for (let item = this.#next(); item; item = this.#next()) {
      if (item.kind === 'desync') {
        this.#desync = {
          firstOffset: this.#desync?.firstOffset ?? item.firstOffset,
          lastOffset: item.lastOffset,
        };
        continue;
      }
      yield* this.#endDesync();
      yield item;
    }
  }

  #next(): LogItem | undefined {
    try {
      const frame = this.#frames.next();
      if (!frame) return undefined;
      const { kind, firstOffset, lastOffset } = frame;
      if (kind === 'desync') return { kind, firstOffset, lastOffset };
      return { kind, op: frame.op, payload: frame.payload, firstOffset, lastOffset };
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error;
      return this.#passOver(error);
    }
  }

  /** K1: the reader goes on behind the frame that it cannot read. */
  #passOver(error: ReplayError): LogItem {
    const firstOffset = this.#frames.offset;
    const pending = this.#pending();
    const length = viewOf(pending).getUint32(MAGIC.length, true);
    const passed = length > MAX_OP_BYTES ? MAGIC.length : FRAME_HEADER_BYTES + length;
    const rest = pending.subarray(passed);
    const lastOffset = firstOffset + passed;
    this.#frames = new FrameReader(this.#log, lastOffset);
    this.#frames.push(rest);
    this.#held = [{ begin: lastOffset, bytes: rest }];
    return { kind: 'damage', firstOffset, lastOffset, problem: String(error.fields['problem']) };
  }

  /** No frame goes on behind this: what may be the beginning of one was cut off, and what comes before that is none. */
  *#end(by: 'fence' | 'hole' | 'head'): Generator<LogItem, void> {
    const pending = this.#pending();
    const begins = beginOfFrame(pending);
    const cut = this.#frames.cutOff();
    this.#held = [];
    if (cut && begins > 0) {
      const lastOffset = cut.firstOffset + begins;
      this.#desync = { firstOffset: this.#desync?.firstOffset ?? cut.firstOffset, lastOffset };
    }
    yield* this.#endDesync();
    if (cut && begins < pending.length)
      yield { kind: 'cut', by, firstOffset: cut.firstOffset + begins, lastOffset: cut.lastOffset };
  }

  *#endDesync(): Generator<LogItem, void> {
    if (this.#desync) yield { kind: 'desync', ...this.#desync };
    this.#desync = undefined;
  }

  /** The bytes that the frame reader has and has not given out. */
  #pending(): Uint8Array {
    const from = this.#frames.offset;
    const parts = this.#held.map(({ begin, bytes }) => bytes.subarray(Math.max(0, from - begin)));
    return parts.length === 1 ? parts[0]! : concatBytes(parts);
  }

  /** Memory of events goes back: of the last one the pending part is copied, by the reader and here. */
  #keepPending(): void {
    this.#frames.copyRest();
    const from = this.#frames.offset;
    const last = this.#held.pop();
    this.#held = this.#held.filter(({ begin, bytes }) => begin + bytes.length > from);
    if (last && last.begin + last.bytes.length > from)
      this.#held.push({
        begin: Math.max(last.begin, from),
        bytes: last.bytes.slice(Math.max(0, from - last.begin)),
      });
  }
}

/** Where in these bytes, which are no whole frame, one may begin; their length when nowhere. */
function beginOfFrame(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; at++) {
    const word = bytes.subarray(at, at + MAGIC.length);
    if (equalBytes(word, MAGIC.subarray(0, word.length))) return at;
  }
  return bytes.length;
}
