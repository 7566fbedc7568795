/**
 * Limits of the key-value service, each with its reason. They are part of the command format's contract: a committed command never breaks
 * them, so raising one needs a new command version, because an older standby would refuse the entry and halt.
 */

/** Shortest and longest key, bytes. Long enough for a path-like name, short enough that a page of keys stays small. */
export const MIN_KEY_BYTES = 1;
export const MAX_KEY_BYTES = 1024;

/** Longest value, bytes. Four of the largest share one journal slot of the default group commit (4 MiB). */
export const MAX_VALUE_BYTES: number = 1024 * 1024;

/** Most pairs of one atomic batch, and most keys of one multi-key read. */
export const MAX_BATCH_PAIRS = 1024;

/** Keys and values of one batch together, bytes: a command stays inside one journal slot of the default size with room for its neighbours. */
export const MAX_BATCH_BYTES: number = 2 * 1024 * 1024;

/** Pairs of one page of an iteration: the default, and the most a caller can ask for. */
export const DEFAULT_PAGE_PAIRS = 100;
export const MAX_PAGE_PAIRS = 1000;

/** Keys and values of one page together, bytes. A page always holds at least one pair, so it may pass this by one value. */
export const MAX_PAGE_BYTES: number = 2 * 1024 * 1024;

/** Values that one multi-key read returns, bytes: 1024 of 1 MiB would be a gigabyte answer. It reads one value in any case. */
export const MAX_MULTI_GET_BYTES: number = 8 * 1024 * 1024;

/** Longest request id, bytes of ASCII: what the replicated table of first results stores per request. */
export const MAX_REQUEST_ID_LENGTH = 128;

/** Longest id of a replacement, bytes: room for any UUID. It stands in the log once a part. */
export const MAX_REPLACE_ID_BYTES = 64;
