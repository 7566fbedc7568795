/**
 * read-all: everything a restore gives, as plain text a test can compare.
 */
import { fromUtf8, unreachable } from '../../base/index.ts';
import type { ReadableStateFile } from '../file.ts';
import { restore, updatesOf, type Skipped } from '../restore.ts';

export interface RestoredText {
  /** Undefined when there is no snapshot. */
  readonly state: string | undefined;
  readonly epoch: number;
  readonly updates: readonly string[];
  /** Damage met by the updates reader, as "reason offset+bytes". */
  readonly damage: readonly string[];
  /** How reading ended, as "why" or "why bytes". */
  readonly end: string;
  /** What restore passed over, as "reason offset+bytes". */
  readonly skipped: readonly string[];
}

export async function readAll(file: ReadableStateFile, limit: number = Infinity): Promise<RestoredText> {
  const restored = await restore(file, limit);
  const state = restored.snapshot && fromUtf8(await restored.snapshot.bytes());
  const reader = updatesOf(file, restored, limit);
  const updates: string[] = [];
  const damage: string[] = [];
  for (;;) {
    const outcome = await reader.next();
    if (outcome.kind === 'update') updates.push(fromUtf8(outcome.payload));
    else if (outcome.kind === 'damage') damage.push(rangeText(outcome.damage));
    else if (outcome.kind === 'end') {
      const end = outcome.bytes > 0 ? `${outcome.why} ${outcome.bytes}` : outcome.why;
      return { state, epoch: restored.epoch, updates, damage, end, skipped: restored.skipped.map(rangeText) };
    } else unreachable(outcome);
  }
}

function rangeText(range: Skipped): string {
  return `${range.reason} ${range.offset}+${range.bytes}`;
}
