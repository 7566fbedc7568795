/**
 * kvstore: the reference stateful service, a replicated key-value store behind HTTP.
 */
export {
  KvClient,
  KvRefusedError,
  KvTimeoutError,
  type BytesLike,
  type CallOptions,
  type KvClientOptions,
  type ListReply,
  type ReadOptions,
  type ReadReply,
  type WriteOptions,
} from './client.ts';
export { KvError, KvFormatError, KV_ERROR_STATUS, type KvErrorCode } from './errors.ts';
export { checkCommand, decodeCommand, encodeCommand, type Command, type Pair } from './command.ts';
export { type Consistency } from './service.ts';
export { kvApplication, type KvApplication, type KvApplicationOptions } from './application.ts';
