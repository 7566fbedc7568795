/**
 * limits: every bound of this room, with its reason.
 */

/** Longest command, bytes: one batch with it still fits a journal slot's upper bound of 8 MiB (s3log.md §6.6). */
export const MAX_COMMAND_BYTES: number = 7 * 1024 * 1024;
/** Longest request id, bytes: room for any UUID or trace id, small enough for a table of thousands. */
export const MAX_REQUEST_ID_BYTES = 128;
/** Most commands in one batch: keeps one synchronous update short. */
export const MAX_BATCH_COMMANDS = 1024;
/** Most command bytes in one batch unless a single command is longer: a batch is one write and should fit one journal slot. */
export const MAX_BATCH_BYTES: number = 4 * 1024 * 1024;
/** Commands that may wait for the log: some seconds of work; beyond it waiting longer helps nobody. */
export const MAX_WAITING_COMMANDS = 16_384;
/** Command bytes that may wait for the log: bounds memory, as the journal's own back-pressure does (32 MiB). */
export const MAX_WAITING_BYTES: number = 32 * 1024 * 1024;
/** Longest result data, bytes: results are kept in the request table and travel in every snapshot. */
export const MAX_RESULT_BYTES: number = 1024 * 1024;
/** Requests remembered, as dragonboat's session table (F4.21). Replicated state: every replica must use the same number (F5.6). */
export const REMEMBERED_REQUESTS = 4096;
/** Result bytes remembered; replicated state like the number above. */
export const REMEMBERED_RESULT_BYTES: number = 16 * 1024 * 1024;
/** Sessions of clients, as dragonboat's (F4.21). Replicated state: every replica must use the same number (F5.6). */
export const REMEMBERED_SESSIONS = 4096;
/** Bytes of their results; replicated state like the number above. */
export const SESSION_RESULT_BYTES: number = 16 * 1024 * 1024;
/** What a result costs beside its data, bytes: so the bound on bytes bounds their number as well. */
export const SESSION_RESULT_OVERHEAD_BYTES = 64;
/** Log bytes since the last snapshot that start the next one, unless the snapshot itself is longer: replay stays near a second. */
export const SNAPSHOT_AFTER_BYTES: number = 64 * 1024 * 1024;
/** The same for an on-disk machine, whose snapshot is no more than a place in the log: what a takeover reads again is short. */
export const DISK_SNAPSHOT_AFTER_BYTES: number = 16 * 1024 * 1024;
/** Commands that an on-disk machine has applied and not committed, at most: what one transaction of SQLite can hold, and a takeover applies in a moment. */
export const COMMIT_AFTER_COMMANDS = 1024;
/** Bytes of such commands, at most. */
export const COMMIT_AFTER_BYTES: number = 4 * 1024 * 1024;
/** Bytes that a machine says its commit has to write, at most: they wait in memory until then, and go into the log in one go. */
export const COMMIT_AFTER_PENDING_BYTES: number = 16 * 1024 * 1024;
/** Longest time until a command that was applied is committed, ms: an idle shard has nothing left to apply at a takeover. */
export const COMMIT_AFTER_MS = 10_000;
/** Barriers under way at once: one on its way to the store, one that gathers what comes meanwhile. More would only make batches smaller. */
export const MAX_BARRIERS = 2;
/** How long the file of a path may be missing while the player moves it into place, ms. */
export const FILE_MOVE_PATIENCE_MS = 10_000;
/**
 * Bytes of one operation in the log when a write is longer than that (the recorder's MAX_WRITE_BYTES). Operations stand or fall whole, so a file that
 * was cut off ends at a multiple of it behind its last whole entry. Logs may hold such files: only multiples of this number may ever replace it.
 */
export const OPERATION_BYTES: number = 1024 * 1024;
