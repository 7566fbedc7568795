/**
 * snapshot-use: what becomes of the snapshot that a state file begins with (seeds.md F4.12).
 *
 *   snapshot \ state      | in memory, index i               | on disk, mark i
 *   full, of index s      | restored if s > i                | restored if s > i
 *   dummy, of index s     | refused: the state is elsewhere  | passed over if s <= i, else the disk has lost what it had committed
 *   forced, of index s    | restored                         | restored (F4.30)
 */
import type { SnapshotHeader } from './envelope.ts';
import { SnapshotKindError, StateBehindError } from './errors.ts';
import type { MachineKind } from './types.ts';

/** @throws SnapshotKindError, StateBehindError */
export function snapshotUse(
  { kind, index }: Pick<SnapshotHeader, 'kind' | 'index'>,
  state: { readonly kind: MachineKind; readonly index: number },
): 'restore' | 'pass' {
  switch (kind) {
    case 'forced':
      return 'restore';
    case 'full':
      return index > state.index ? 'restore' : 'pass';
    case 'dummy':
      if (state.kind !== 'on-disk') throw new SnapshotKindError(state.kind, index);
      if (index > state.index) throw new StateBehindError(index, state.index);
      return 'pass';
  }
}
