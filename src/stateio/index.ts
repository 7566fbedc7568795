/**
 * stateio: logio records and stateio epochs. A state file is a sequence of epochs, each a snapshot (none for the first) and the updates that
 * follow it. Byte compatible with the Go packages; restore and writing differ only where those fail or lose data (docs/decisions/0020, 0042).
 */
export { BlockSource } from './blocks.ts';
export { compactFile } from './compact-file.ts';
export { encodeLogEntry, encodeStateEntry, type EncodedEntry } from './encode.ts';
export {
  EntryVanishedError,
  HeadMissingError,
  RewriteError,
  WriterBrokenError,
  WriterUsageError,
} from './errors.ts';
export { openPlainFile, type PlainFile, type ReadableStateFile, type StateFile } from './file.ts';
export { alignedStart, BLOCK_BYTES, ENTRY_SNAPSHOT, ENTRY_UPDATE, type DamageReason } from './format.ts';
export { LogReader, type LogReaderOptions } from './log-reader.ts';
export { type Damage, type LogEntry, type LogOutcome } from './log-scan.ts';
export { LogWriter, type Placed, type Produce } from './log-writer.ts';
export { UpdatesReader, type ReaderPlace, type ReadOutcome } from './reader.ts';
export {
  restore,
  RETAINED_SNAPSHOT_BYTES,
  updatesOf,
  type Restored,
  type Skipped,
  type SnapshotRef,
} from './restore.ts';
export { rewind } from './rewind.ts';
export { rewrite, type Rewrite, type RewritePlace, type Rewritten } from './rewrite.ts';
export { EntryScanner, entryChunks, type FoundEntry, type ScanOutcome } from './scan.ts';
export { resumeWriter, StateWriter, writerBehind } from './writer.ts';
