/**
 * statemachine: state machines driven by the log.
 *
 * Here so far: the contract of a concurrent machine, what stands inside state entries and snapshots, and the table that makes a repeated request
 * take effect once. The runtime and the follower that drive them come next.
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
  ShardHaltedError,
  StateDamagedError,
  type ProposalOutcome,
} from './errors.ts';
export {
  MAX_BATCH_BYTES,
  MAX_BATCH_COMMANDS,
  MAX_COMMAND_BYTES,
  MAX_GENERATION,
  MAX_REQUEST_ID_BYTES,
  MAX_RESULT_BYTES,
  MAX_WAITING_BYTES,
  MAX_WAITING_COMMANDS,
  REMEMBERED_REQUESTS,
  REMEMBERED_RESULT_BYTES,
  SNAPSHOT_AFTER_BYTES,
} from './limits.ts';
export { RequestTable, type RememberedRequest, type RequestBounds } from './requests.ts';
export {
  logIndex,
  logTerm,
  type AppliedEntry,
  type ConcurrentStateMachine,
  type Entry,
  type LogIndex,
  type Result,
  type Term,
  type WriteChunk,
} from './types.ts';
