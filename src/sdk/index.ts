/**
 * sdk: a service of one's own, as `holdfast/sdk`.
 *
 * A state machine of one of three kinds, or SqliteMachine with a schema and an update; httpService for its routes; runService as its program. examples/
 * has a whole service of each. The kit that runs a machine through its contract is `holdfast/testkit`.
 */
export { EMPTY_BYTES, fromUtf8, HoldfastError, utf8 } from '../base/index.ts';
export type { RecordedFs, Row, Sql, SqlParameters, SqlReader, SqlValue } from '../recoverylog/index.ts';
export {
  consistencyOf,
  httpService,
  identityOf,
  ServiceError,
  type Consistency,
  type Listener,
  type MachineApplicationOptions,
  type ProposalIdentity,
  type ReadResult,
  type Routes,
  type Serve,
  type Service,
  type ServiceContext,
  type ServiceErrorCode,
  type ServiceStatus,
} from '../service/index.ts';
export type {
  AppliedEntry,
  ConcurrentStateMachine,
  DiskMark,
  Entry,
  MarkRow,
  OnDiskStateMachine,
  ProposedCommand,
  RegularStateMachine,
  Result,
  SnapshotFile,
  SnapshotFiles,
  StateMachine,
  Told,
  WriteChunk,
} from '../statemachine/index.ts';
export { bytesOfChunks } from './chunks.ts';
export { decodeJson, encodeJson, jsonText, jsonValue, JsonUnfitError } from './json.ts';
export { runService } from './run-service.ts';
export {
  CommandRefusedError,
  SqliteMachine,
  type CommandContext,
  type SqliteMachineOptions,
} from './sqlite-machine.ts';
