/**
 * holdfast/kv: the typed client of the key-value service. It needs nothing of the server.
 */
export {
  KvClient,
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
} from './client.ts';
export { KvRefusedError, KvSessionLostError, KvTimeoutError } from './errors.ts';
