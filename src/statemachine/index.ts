/**
 * statemachine: state machines driven by the log.
 *
 * A Follower applies what a standby's player writes; a Runtime takes it over on the primary: proposals go into the log first, are applied in its order
 * and answered then; snapshots replace the entries before them.
 */
export {
  decodeUpdate,
  encodeSnapshotHeader,
  encodeUpdate,
  indexesOf,
  openSnapshot,
  type Command,
  type SnapshotHeader,
  type UpdateEnvelope,
} from './envelope.ts';
export {
  EnvelopeError,
  HistoryBrokenError,
  MachineFailedError,
  ProposalFailedError,
  ProposalInvalidError,
  ProposalQueueFullError,
  ReplicaStoppedError,
  ShardHaltedError,
  StateDamagedError,
  type ProposalOutcome,
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
  SNAPSHOT_AFTER_BYTES,
} from './limits.ts';
export { stateMetrics, type StateMetrics } from './metrics.ts';
export { RequestTable, type RememberedRequest, type RequestBounds } from './requests.ts';
export type { RecordedDirectory } from './ports.ts';
export { Runtime, type RuntimeOptions } from './runtime.ts';
export {
  logIndex,
  logTerm,
  type AppliedEntry,
  type ConcurrentStateMachine,
  type DiskMark,
  type Entry,
  type LogIndex,
  type MarkRow,
  type OnDiskStateMachine,
  type Result,
  type Term,
  type WriteChunk,
} from './types.ts';
