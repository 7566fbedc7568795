/**
 * statemachine: state machines driven by the log.
 *
 * A machine is regular, concurrent or on-disk (types.ts). A Follower applies what a standby's player writes; a Runtime takes it over on the primary:
 * proposals go into the log first, are applied in its order and answered then; snapshots replace the entries before them.
 */
export {
  decodeUpdate,
  encodeSnapshotHeader,
  encodeUpdate,
  indexesOf,
  openSnapshot,
  type Command,
  type OpenedSnapshot,
  type SnapshotHeader,
  type UpdateEnvelope,
} from './envelope.ts';
export {
  EnvelopeError,
  HistoryBrokenError,
  MachineFailedError,
  MachineNotOpenError,
  NotOfferedError,
  ProposalFailedError,
  ProposalInvalidError,
  ProposalQueueFullError,
  ReplicaStoppedError,
  SessionRefusedError,
  ShardHaltedError,
  SnapshotKindError,
  StateBehindError,
  StateDamagedError,
  StateMissingError,
  type ProposalOutcome,
  type Refusal,
} from './errors.ts';
export { Follower, type FollowerOptions } from './follower.ts';
export {
  MAX_BATCH_BYTES,
  MAX_BATCH_COMMANDS,
  MAX_COMMAND_BYTES,
  MAX_REQUEST_ID_BYTES,
  MAX_RESULT_BYTES,
  MAX_WAITING_BYTES,
  MAX_WAITING_COMMANDS,
  REMEMBERED_REQUESTS,
  REMEMBERED_RESULT_BYTES,
  REMEMBERED_SESSIONS,
  SNAPSHOT_AFTER_BYTES,
} from './limits.ts';
export { stateMetrics, type StateMetrics } from './metrics.ts';
export type { SnapshotCollector } from './ports.ts';
export type { Place } from './position.ts';
export type { ProposedCommand, ProposeOptions, Told } from './proposals.ts';
export { Runtime, type RuntimeOptions } from './runtime.ts';
export { MAX_CLIENT_ID, MAX_SERIES, type SessionCall } from './sessions.ts';
export {
  SnapshotDamagedError,
  SnapshotExistsError,
  SnapshotFilesError,
  SnapshotFilesGoneError,
  SnapshotVersionError,
} from './snapshot-file/errors.ts';
export { exportSnapshot, type Exportable, type Exported } from './snapshot-file/export.ts';
export { importSnapshot, type ImportTarget } from './snapshot-file/import.ts';
export type { Manifest } from './snapshot-file/manifest.ts';
export { checkExport } from './snapshot-file/read-export.ts';
export { StateAtHead, type StateAtHeadOptions } from './state-at-head.ts';
export {
  logIndex,
  logTerm,
  type AppliedEntry,
  type ConcurrentStateMachine,
  type DiskMark,
  type Entry,
  type LogIndex,
  type MachineKind,
  type MarkRow,
  type OnDiskStateMachine,
  type RegularStateMachine,
  type Result,
  type SnapshotFile,
  type SnapshotFiles,
  type StateMachine,
  type Term,
  type WriteChunk,
} from './types.ts';
export {
  CommandTime,
  databaseHash,
  SchemaTooNewError,
  SqliteSnapshotError,
  SqliteState,
  type SqliteStateOptions,
} from './sqlite/index.ts';
