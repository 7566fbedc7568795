/**
 * Limits of the HTTP side, each with its reason. Limits of keys, values and batches are the command format's (../limits.ts).
 */

/** Largest JSON body, bytes: a full batch as base64 with its field names. Single values have a limit of their own. */
export const MAX_JSON_BODY_BYTES: number = 4 * 1024 * 1024;

/** Changes of one answer: the default, and the most that can be asked for. Ten thousand small ones are about a megabyte. */
export const DEFAULT_CHANGES = 1000;
export const MAX_CHANGES = 10_000;

/** Keys and values of the changes of one answer together, bytes. Beyond it the answer is TOO_LARGE and a follower asks for fewer; a single change is always sent. */
export const MAX_CHANGES_BYTES: number = 8 * 1024 * 1024;

/** Snapshot streams at once: each pins the contents at its point in time until its reader is done. */
export const MAX_SNAPSHOT_STREAMS = 4;

/** Longest URL of a backup, characters. */
export const MAX_BACKUP_URL_LENGTH = 2048;

/** Most operations of one bulk: at 100 bytes each a tenth of what one journal slot takes, so that a bulk is one commit. */
export const MAX_BULK_OPERATIONS = 1024;

/** Body of one bulk, bytes: as much as a JSON body may have. One operation of the largest value fits in any case. */
export const MAX_BULK_BYTES: number = 4 * 1024 * 1024;
