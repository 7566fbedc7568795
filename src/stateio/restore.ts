/**
 * restore: finds the newest epoch of a file that is wholly readable, however the file was damaged (C5.12, decision 11).
 *
 * R1  Total: damage never makes restore fail; an intact older epoch is always found (seeds.md I9). With nothing intact the answer is the
 *     empty state, and `skipped` says so.
 * R2  Nothing is passed over in silence: every byte behind the chosen epoch's last entry is in `skipped` with a reason. Damage inside the
 *     epoch is met by its reader, as a value.
 * R3  "No snapshot" (undefined) and "an empty snapshot" (length 0) are different answers (decision 15).
 * R4  `limit` bounds the updates too (C5.15).
 */
import { BlockSource } from './blocks.ts';
import type { ReadableStateFile } from './file.ts';
import { alignedStart, ENTRY_SNAPSHOT, type DamageReason } from './format.ts';
import { UpdatesReader } from './reader.ts';
import { candidatesBefore, entryAt } from './rewind.ts';
import { EntryScanner, entryChunks, type FoundEntry } from './scan.ts';

/** Snapshots up to this length stay in memory between being verified and being used; longer ones are read twice (bytes). */
export const RETAINED_SNAPSHOT_BYTES: number = 1024 * 1024;

/** A range that restore passed over (R2). 'torn' is the beginning of an entry whose write never ended. */
export interface Skipped {
  readonly offset: number;
  readonly bytes: number;
  readonly reason: DamageReason | 'torn';
}

/** A snapshot that was read whole once. */
export interface SnapshotRef {
  readonly start: number;
  readonly end: number;
  /** Payload bytes. */
  readonly length: number;
  /** The payload, piece by piece, in bounded memory. */
  chunks(): AsyncIterable<Uint8Array>;
  /** The whole payload. */
  bytes(): Promise<Uint8Array>;
}

export interface Restored {
  /** Undefined when the epoch has no snapshot (R3). */
  readonly snapshot: SnapshotRef | undefined;
  /** Identity of the epoch: offset of its snapshot, 0 for the first. */
  readonly epoch: number;
  /** Where the epoch's updates start. */
  readonly updatesFrom: number;
  /** Offset behind the last whole entry of the epoch; 0 when there is none. */
  readonly end: number;
  /** Bytes of the file that were considered: its size, or the limit. */
  readonly considered: number;
  readonly skipped: readonly Skipped[];
}

/** Restores from the first `limit` bytes of `file` (all of it by default). Fails only when reading the file fails (R1). */
export async function restore(file: ReadableStateFile, limit: number = Infinity): Promise<Restored> {
  const source = new BlockSource(file, limit);
  await source.look();
  const skipped: Skipped[] = [];
  const dead = new Set<number>();
  let end = source.size;
  for await (const { start } of candidatesBefore(source, source.size)) {
    if (start < 0 || start >= end) continue;
    const anchor = await entryAt(source, start, RETAINED_SNAPSHOT_BYTES);
    if (!anchor || anchor.end > end) continue;
    if (end === source.size) skipped.push(...(await describe(source, anchor.end)));
    else if (anchor.end < end) {
      skipped.push({ offset: anchor.end, bytes: end - anchor.end, reason: 'epoch-unreadable' });
    }
    const base = await baseOf(source, anchor, dead);
    if (base !== 'unreadable') {
      const snapshot = base === 'none' ? undefined : snapshotRef(file, base);
      return {
        snapshot,
        epoch: snapshot?.start ?? 0,
        updatesFrom: snapshot?.end ?? 0,
        end: anchor.end,
        considered: source.size,
        skipped: merged(skipped),
      };
    }
    skipped.push({ offset: anchor.start, bytes: anchor.end - anchor.start, reason: 'epoch-unreadable' });
    end = anchor.start;
  }
  return {
    snapshot: undefined,
    epoch: 0,
    updatesFrom: 0,
    end: 0,
    considered: source.size,
    skipped:
      end === source.size
        ? await describe(source, 0)
        : [{ offset: 0, bytes: source.size, reason: 'epoch-unreadable' }],
  };
}

/** A reader over the updates of the restored epoch, bounded like the restore itself when `limit` is given (R4). */
export function updatesOf(
  file: ReadableStateFile,
  restored: Restored,
  limit: number = Infinity,
): UpdatesReader {
  return new UpdatesReader(file, { from: restored.updatesFrom, epoch: restored.epoch, limit });
}

/**
 * The snapshot that opens the anchor's epoch, 'none' for the epoch 0 of a file that begins with updates, 'unreadable' when it is damaged.
 * A pointer that misses padding rule A (F1.33 D: the Go writer after 1..14 stray bytes) means the record behind that padding.
 * Epoch 0 whose first entry is unreadable counts as 'none': a first write that was torn leaves exactly this, and what was acknowledged after it
 * must not be lost. Its reader meets the damage at offset 0 first, so nothing is hidden.
 */
async function baseOf(
  source: BlockSource,
  anchor: FoundEntry,
  dead: Set<number>,
): Promise<FoundEntry | 'none' | 'unreadable'> {
  if (anchor.type === ENTRY_SNAPSHOT) return anchor;
  const start = alignedStart(anchor.epoch);
  if (start > anchor.start || dead.has(start)) return 'unreadable';
  const base = start === anchor.start ? anchor : await entryAt(source, start, RETAINED_SNAPSHOT_BYTES);
  if (base?.type === ENTRY_SNAPSHOT) return base;
  if (start === 0 && (base === undefined || base.epoch === 0)) return 'none';
  dead.add(start);
  return 'unreadable';
}

/** What stands from `from` to the visible end, as ranges to skip. */
async function describe(source: BlockSource, from: number): Promise<Skipped[]> {
  const scanner = new EntryScanner(source, from, 0);
  const found: Skipped[] = [];
  for (;;) {
    const outcome = await scanner.next();
    if (outcome.kind === 'damage') found.push(outcome.damage);
    else if (outcome.kind === 'end') {
      if (outcome.torn > 0) found.push({ offset: outcome.offset, bytes: outcome.torn, reason: 'torn' });
      return found;
    }
  }
}

/** Joins ranges that touch and have one reason, in file order. */
function merged(ranges: readonly Skipped[]): Skipped[] {
  const joined: Skipped[] = [];
  for (const range of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last && last.reason === range.reason && last.offset + last.bytes === range.offset) {
      joined[joined.length - 1] = { ...last, bytes: last.bytes + range.bytes };
    } else joined.push(range);
  }
  return joined;
}

function snapshotRef(file: ReadableStateFile, entry: FoundEntry): SnapshotRef {
  const { start, end, length, payload } = entry;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    if (payload) {
      if (payload.length > 0) yield payload.slice();
      return;
    }
    const source = new BlockSource(file, end);
    await source.look();
    yield* entryChunks(source, start);
  };
  const bytes = async (): Promise<Uint8Array> => {
    const whole = new Uint8Array(length);
    let at = 0;
    for await (const chunk of chunks()) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  };
  return { start, end, length, chunks, bytes };
}
