/**
 * disk-opening: opens an on-disk machine where the player has left its files, and brings it to the end of the log (seeds.md F4.13, F4.15).
 *
 * O1  The machine is opened once, before anything else of it is called; a failure closes it again.
 * O2  Entries up to its mark are passed over, those above it are applied, and committed by and by, as on a primary.
 * O3  Its files belong to this log: a mark behind what the log says was committed, or ahead of its last entry, is an error and never served.
 */
import { ensureError, HoldfastError, type Logger } from '../base/index.ts';
import type { RecordedFs } from '../recoverylog/index.ts';
import { AppliedState } from './applied-state.ts';
import { isCommitDue } from './commit-schedule.ts';
import { HistoryBrokenError, MachineFailedError } from './errors.ts';
import type { Followed } from './follower.ts';
import { CURRENT } from './paths.ts';
import { noFilesOf } from './snapshot-file/no-files.ts';
import { StateFileReader, type EntrySink } from './state-file.ts';
import type { DiskMark, OnDiskStateMachine } from './types.ts';

export interface DiskOpening {
  readonly fs: RecordedFs;
  readonly log: Logger;
}

/** @throws StateBehindError, HistoryBrokenError (O3), StateDamagedError, MachineFailedError, EnvelopeError, the signal's reason */
export async function openOnDisk<Query, Answer, View>(
  machine: OnDiskStateMachine<Query, Answer, View>,
  followed: Pick<Followed<Query, Answer, View>, 'position' | 'place'>,
  { fs, log }: DiskOpening,
  signal: AbortSignal,
): Promise<AppliedState<Query, Answer, View>> {
  const mark = await open(machine, fs, signal);
  try {
    const state = new AppliedState(machine, mark);
    const { position, place } = followed;
    if (place !== undefined) await catchUp(state, { fs, log }, signal);
    const { index, term } = state;
    if (index !== position.index || term !== position.term)
      throw new HistoryBrokenError('the files of the state machine are ahead of the log', {
        index,
        term,
        logIndex: position.index,
        logTerm: position.term,
      });
    return state;
  } catch (error) {
    await machine.close(); // O1
    throw error;
  }
}

async function open<Query, Answer, View>(
  machine: OnDiskStateMachine<Query, Answer, View>,
  fs: RecordedFs,
  signal: AbortSignal,
): Promise<DiskMark | undefined> {
  try {
    return await machine.open(fs, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError) throw error;
    throw new MachineFailedError('open', 0, ensureError(error));
  }
}

/** O2 */
async function catchUp<Query, Answer, View>(
  state: AppliedState<Query, Answer, View>,
  { fs, log }: DiskOpening,
  signal: AbortSignal,
): Promise<void> {
  const sink: EntrySink = {
    rest: (update) => state.rest(update),
    meetSnapshot: (...met) => state.meetSnapshot(...met),
    apply: async (update) => {
      await state.apply(update);
      if (isCommitDue(state.uncommitted)) await state.commit();
    },
  };
  const file = await fs.open(CURRENT, { readOnly: true });
  try {
    const reader = new StateFileReader({ path: CURRENT, file, sink, log, filesOf: noFilesOf });
    await reader.advance(signal);
    reader.finish();
  } finally {
    await file.close();
  }
}
