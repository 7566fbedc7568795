/**
 * store: an object store behind five operations. S3, a directory or memory; the probe that refuses stores which do not keep their word.
 */
export {
  createLogger,
  createMetrics,
  silentLogger,
  systemClock,
  systemRandom,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../base/index.ts';
export { copyOf, lengthOf, piecesOf, type Body } from './body.ts';
export { StoreError, type StoreErrorCode, type StoreErrorOptions } from './errors.ts';
export { checkKey, compareKeys, keyProblem } from './keys.ts';
export { openStore, type OpenStoreOptions, type StoreCredentials } from './open.ts';
export {
  probeStore,
  requireFitStore,
  StoreUnfitError,
  type ProbeOptions,
  type ProbeProgress,
  type ProbeProperty,
  type ProbeReport,
} from './probe/probe.ts';
export { LATENCY_BODY_BYTES, type OperationLatency } from './probe/latency.ts';
export {
  LIST_PAGE_LIMIT,
  type BodyPart,
  type ByteRange,
  type CreateOutcome,
  type GetCall,
  type ListCall,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type StoreCall,
  type StoredObject,
  type Versioning,
} from './types.ts';
export {
  formatStoreUrl,
  parseStoreUrl,
  StoreUrlError,
  type FileLocation,
  type MemoryLocation,
  type S3Location,
  type StoreLocation,
} from './url.ts';
