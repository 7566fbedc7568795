/**
 * kvstore: the reference stateful service, a replicated key-value store behind HTTP, and read replicas of it. Its client has a door of its own (client/index.ts), behind which nothing of the server stands.
 */
export { KvError, KvFormatError, KV_ERROR_STATUS, type KvErrorCode } from './errors.ts';
export { checkCommand, decodeCommand, encodeCommand, type Command, type Pair } from './command.ts';
export { type Consistency } from './service.ts';
export {
  kvApplication,
  kvMachine,
  type KvApplication,
  type KvApplicationOptions,
  type KvMachine,
} from './application.ts';
export { ReadReplica, type FollowOptions } from './follow/process.ts';
export { openReplicaEngine } from './follow/open-engine.ts';
