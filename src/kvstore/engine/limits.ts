/**
 * Limits of the engines, each with its reason. Those marked "replicated" are part of what a command means: replicas that disagree on them would differ.
 */

/** Expired pairs that any command removes, beside as many as it could have written: few enough not to be noticed, enough that removal keeps up. Replicated. */
export const PURGE_LEAST = 64;

/** A replacement whose next step does not come for so long, ms by the time of commands, is given up: its maker is gone, and writes wait for it. Replicated. */
export const REPLACE_PATIENCE_MS = 60_000;

/** Changes kept for those who follow: minutes of a busy store, so that a short absence costs no snapshot. */
export const KEPT_CHANGES = 65_536;
/** Bytes of keys and values that they keep alive. */
export const KEPT_CHANGE_BYTES: number = 64 * 1024 * 1024;

/** Bytes of one object of a backup: large enough for few requests, small enough to hold in memory. */
export const BACKUP_PART_BYTES: number = 8 * 1024 * 1024;
/** Tries to create one object of a backup, before its failure is told. */
export const BACKUP_TRIES = 5;
/** Parts of a replacement on their way to the log at once: enough to fill its batches, and half of what may wait for it (statemachine's MAX_WAITING_BYTES). */
export const PARTS_UNDER_WAY = 8;
