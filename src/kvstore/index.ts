/**
 * kvstore: the reference stateful service, a replicated key-value store behind HTTP.
 */
export { KvError, KvFormatError, KV_ERROR_STATUS, type KvErrorCode } from './errors.ts';
export { checkCommand, decodeCommand, encodeCommand, type Command, type Pair } from './command.ts';
export { KvState, type Page, type PageQuery } from './store.ts';
