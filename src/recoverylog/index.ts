/**
 * recoverylog: every change of a directory as operations in a journal, and the directory back from them. Wire compatible with Gazette.
 *
 * Folders: format/ (operations, frames, segments, hints: bytes and meaning), record/ (writing: recorder, recorded files, SQLite databases, imports, forks), play/
 * (restoring, following, taking over), inspect/ (looking into a log from outside). Here: fsm.ts (what belongs), exact-hints.ts (what of the log a restore
 * needs, from where files have their operations: stretches.ts), needs.ts (what hints keep from being pruned), paths.ts (what a path may be).
 */
export {
  HintsError,
  HistoryLostError,
  OtherLogNeededError,
  RecordedFsError,
  RecorderBrokenError,
  ReplayError,
  SegmentError,
  WireError,
  type HistoryLoss,
} from './errors.ts';
export { Fsm, type Rejection } from './fsm.ts';
export type { RecordedOp } from './format/op.ts';
export { encodeHintsProtobuf } from './format/hints-protobuf.ts';
export {
  encodeHintsJson,
  liveLogSegments,
  parseHints,
  type FnodeSegments,
  type FsmHints,
} from './format/hints.ts';
export type { DirectoryChange, LiveDirectory } from './play/live-directory.ts';
export { LogCheck, type LogFigures } from './inspect/check.ts';
export type { LogFinding, LogFindingKind } from './inspect/finding.ts';
export { explainHints, type HintsExplained, type NeededOfLog } from './inspect/explain-hints.ts';
export { replay, type Replayed, type ReplayOptions } from './inspect/replay.ts';
export { scanLog, type LogItem, type ScanOptions } from './inspect/scan.ts';
export { neededByHints } from './needs.ts';
export { Player, type HandoffOptions, type PlayerOptions, type TakenOver } from './play/player.ts';
export { planRestore, type OpenLog } from './play/plan-restore.ts';
export type { PlayerProgress } from './play/progress.ts';
export type { PlannedPart, PlannedRead, RestorePlan } from './play/restore-plan.ts';
export { walkDirectory, type Walked } from './record/directory-walk.ts';
export { forkLog, NothingToForkError } from './record/fork-log.ts';
export {
  importDirectory,
  SourceChangedError,
  type ImportedFigures,
  type ImportOptions,
} from './record/import-directory.ts';
export { LogNotNewError, openNewLog, type NewLogOptions } from './record/new-log.ts';
export type { Disk, DiskFile } from './record/disk.ts';
export type { RecordedFile } from './record/recorded-file.ts';
export type { OpenOptions, RecordedFs } from './record/recorded-fs.ts';
export { Recorder, type BarrierOptions } from './record/recorder.ts';
export type { Segment } from './format/segment.ts';
export {
  HOLDERS_PREFIX,
  openSqliteCopy,
  RecordedSqlite,
  SqliteError,
  SqliteRefusedError,
  SqliteTooLargeError,
  SqliteTransactionLostError,
  type HeldSqlite,
  type PinnedFile,
  type RecordedSqliteOptions,
  type Row,
  type Sql,
  type SqlParameters,
  type SqlReader,
  type SqlValue,
  type SqliteCopy,
  type SqliteCopyOptions,
  type SqliteFootprint,
} from './record/sqlite/index.ts';
