/**
 * kvstore: the reference stateful service, a replicated key-value store behind HTTP, and read replicas of it. Its client has a door of its own as well, which needs nothing of the server (client/index.ts).
 */
export {
  KvClient,
  KvRefusedError,
  KvSessionLostError,
  KvTimeoutError,
  type BytesLike,
  type CallOptions,
  type Expiry,
  type KvClientOptions,
  type ListQuery,
  type ListReply,
  type NewPair,
  type ReadOptions,
  type ReadReply,
  type WriteOptions,
} from './client/index.ts';
export { KvError, KvFormatError, KV_ERROR_STATUS, type KvErrorCode } from './errors.ts';
export { checkCommand, decodeCommand, encodeCommand, type Command, type Pair } from './command.ts';
export { type Consistency } from './service.ts';
export { kvApplication, type KvApplication, type KvApplicationOptions } from './application.ts';
export { ReadReplica, type FollowOptions } from './follow/process.ts';
export { openReplicaEngine } from './follow/open-engine.ts';
