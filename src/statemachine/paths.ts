/** The files of a state machine in its recorded directory. */

/** Snapshot, if there is one yet, and the updates after it. */
export const CURRENT = '/state/current';
/** The next `current` while it is being written; of no meaning, and removed, whenever nobody writes it. */
export const NEXT = '/state/next';
/** Links to the files that belong to snapshots. */
export const SNAPSHOTS = '/state/snapshots';
