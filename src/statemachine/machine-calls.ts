/**
 * machine-calls: the three kinds of machine behind one set of calls (seeds.md §4.1).
 *
 * Y4  A regular machine gets one command a call, the others as many as may be (F4.4).
 * Y5  What a machine answers is checked: as many entries as it got, the same ones, in the same order (F4.2).
 */
import type { SnapshotCollector } from './ports.ts';
import type {
  AppliedEntry,
  DiskMark,
  Entry,
  Result,
  SnapshotFile,
  StateMachine,
  WriteChunk,
} from './types.ts';
import { isPromise } from './fair-lock.ts';

export interface MachineCalls<View> {
  /** Applies entries in order. @throws what the machine throws, TypeError (Y5) */
  update(entries: readonly Entry[]): readonly Result[] | Promise<readonly Result[]>;
  /** Pins a view for `save`; a regular machine has none and is saved as it stands. */
  prepare(): View;
  save(view: View, write: WriteChunk, signal: AbortSignal, files: SnapshotCollector): Promise<void>;
  /** @param mark what an on-disk machine commits with the state */
  recover(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    files: readonly SnapshotFile[],
    mark: () => DiskMark,
  ): Promise<void>;
}

export function machineCalls<Query, Answer, View>(
  machine: StateMachine<Query, Answer, View>,
): MachineCalls<View> {
  switch (machine.kind) {
    case 'regular':
      return {
        update: (entries) => entries.map((entry) => machine.update(entry)), // Y4
        prepare: () => undefined as View,
        save: (_, write, signal, files) => machine.saveSnapshot(write, signal, files),
        recover: (chunks, signal, files) => machine.recoverFromSnapshot(chunks, signal, files),
      };
    case 'concurrent':
      return {
        update: (entries) => resultsOf(entries, machine.update(entries)),
        prepare: () => machine.prepareSnapshot(),
        save: (view, write, signal, files) => machine.saveSnapshot(view, write, signal, files),
        recover: (chunks, signal, files) => machine.recoverFromSnapshot(chunks, signal, files),
      };
    case 'on-disk':
      return {
        update: (entries) => {
          const applied = machine.update(entries);
          return isPromise(applied)
            ? applied.then((all) => resultsOf(entries, all))
            : resultsOf(entries, applied);
        },
        prepare: () => machine.prepareSnapshot(),
        save: (view, write, signal) => machine.saveSnapshot(view, write, signal), // F4.24: its files are not collected
        recover: (chunks, signal, _, mark) => machine.recoverFromSnapshot(chunks, signal, mark()),
      };
  }
}

/** @throws TypeError (Y5) */
function resultsOf(entries: readonly Entry[], applied: readonly AppliedEntry[]): readonly Result[] {
  if (applied.length !== entries.length)
    throw new TypeError(`it answered ${applied.length} entries of ${entries.length}`);
  return applied.map(({ index, result }, n) => {
    if (index !== entries[n]!.index)
      throw new TypeError(`it answered entry ${index} in place of ${entries[n]!.index}`);
    return result;
  });
}
