/**
 * opened-state: a machine that has followed a log to its end, open: one in memory has applied it all, an on-disk one is opened here and catches up.
 */
import { assert } from '../base/index.ts';
import type { AppliedState } from './applied-state.ts';
import { openOnDisk, type DiskOpening } from './disk-opening.ts';
import type { Followed } from './follower.ts';
import type { SnapshotCollector } from './ports.ts';
import type { Place } from './position.ts';
import type { WriteChunk } from './types.ts';

/** @throws as openOnDisk */
export async function openFollowed<Query, Answer, View>(
  followed: Followed<Query, Answer, View>,
  opening: DiskOpening,
  signal: AbortSignal,
): Promise<AppliedState<Query, Answer, View>> {
  if (followed.state) return followed.state;
  const { machine } = followed;
  assert(machine.kind === 'on-disk', 'a machine in memory has followed', { kind: machine.kind });
  return await openOnDisk(machine, followed, opening, signal);
}

/** Writes the whole state of this moment, whatever the kind of machine. @returns what it is of @throws what the machine throws, the signal's reason */
export async function saveWhole<Query, Answer, View>(
  state: AppliedState<Query, Answer, View>,
  write: WriteChunk,
  signal: AbortSignal,
  files: SnapshotCollector,
): Promise<Place> {
  const pinned = await state.pin('full');
  try {
    await pinned.save(write, signal, files);
  } finally {
    pinned.release();
  }
  const { index, term } = pinned;
  return { index, term };
}
