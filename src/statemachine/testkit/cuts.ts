/** testkit/cuts: where a crash may cut a log. */
import { systemClock as clock, systemRandom as random } from '../../base/index.ts';
import type { Journal } from '../../journal/index.ts';
import { scanLog, type RecordedOp } from '../../recoverylog/index.ts';

/**
 * Offsets behind each operation of a log, ascending, 0 first; none of them inside a rename, whose operations are handed to the journal together and stand or
 * fall together.
 */
export async function cutsOf(journal: Journal): Promise<readonly number[]> {
  const cuts = [0];
  let before: RecordedOp | undefined;
  for await (const item of scanLog(journal, 0, { clock, random })) {
    if (item.kind !== 'op') continue;
    if (before && isOneRename(before, item.op)) cuts.pop();
    cuts.push(item.lastOffset);
    before = item.op;
  }
  return cuts;
}

/** Whether the second operation goes on with the rename that the first is of: the old target's unlink, the link, the source's unlink. */
function isOneRename(before: RecordedOp, op: RecordedOp): boolean {
  if (before.unlink && op.link) return before.unlink.path === op.link.path;
  return before.link !== undefined && before.link.fnode === op.unlink?.fnode;
}
