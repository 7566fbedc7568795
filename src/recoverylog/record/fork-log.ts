/**
 * A fork: a new log that begins with the state of another one, without its bytes. Its hints name them where they are (gazette.md §2.5, §4.1-3).
 *
 * F1  The new log goes on where the old one stood: the same files, the next sequence number, the chain of checksums. Nothing is written to the old log, and
 *     what is written there later is not seen here.
 * F2  Hints can be loaded only when their last segment is in the log that they are of, or nobody could tell where reading goes on. So besides the no-op that
 *     begins a log, a fork writes nothing, zero bytes long, into a file that lives: its history now reaches into the new log.
 * F3  Hints are given once what they name is durable.
 */
import { HoldfastError } from '../../base/index.ts';
import type { Session } from '../../journal/index.ts';
import type { FsmHints } from '../format/hints.ts';
import type { Fsm } from '../fsm.ts';
import { Recorder } from './recorder.ts';

/** There is no file that could connect the new log with the old one (F2). */
export class NothingToForkError extends HoldfastError {
  constructor(log: string) {
    super(
      'NOTHING_TO_FORK',
      `Recovery log ${log} has no live file: there is nothing to fork. Begin a new log instead.`,
      {
        fields: { log },
      },
    );
  }
}

/**
 * Begins the log of `session`, an empty journal, with `fsm`, the state of the old log at its head; hints of the new log.
 * @throws NothingToForkError before anything is written; RecorderBrokenError
 */
export async function forkLog(fsm: Fsm, session: Session): Promise<FsmHints> {
  const newest = fsm.liveNodes().at(-1);
  if (!newest) throw new NothingToForkError(fsm.lastLog);
  const recorder = new Recorder({ session, fsm });
  recorder.record([{}, { write: { fnode: newest.fnode, offset: 0, length: 0 } }]); // F2
  return await recorder.buildHints(); // F3
}
