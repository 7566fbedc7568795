/**
 * base: what every room may use and what knows no room. Errors, time, randomness, bytes, checksums, waiting, logging, metrics.
 */
export { DeadlineError, deadline, isAbortOf, raceAbort, type Deadline } from './abort.ts';
export { backoffMs, type BackoffPolicy } from './backoff.ts';
export { Breath } from './breath.ts';
export {
  concatBytes,
  EMPTY_BYTES,
  equalBytes,
  fromHex,
  fromUtf8,
  letGo,
  toHex,
  utf8,
  viewOf,
} from './bytes.ts';
export { crc32c, sha1Hex, sha256Hex, xxh64Low32 } from './checksum.ts';
export { systemClock, type Clock, type Timer } from './clock.ts';
export { CommandSeries } from './command-series.ts';
export {
  assert,
  ensureError,
  errorCode,
  HoldfastError,
  InvariantError,
  unreachable,
  type ErrorField,
  type ErrorFields,
  type HoldfastErrorOptions,
} from './errors.ts';
export { systemFiles, type FileCalls, type FileSystemCalls } from './files.ts';
export {
  createLogger,
  describeError,
  silentLogger,
  type Logger,
  type LogFields,
  type LoggerOptions,
  type LogLevel,
} from './log.ts';
export {
  createMetrics,
  DURATION_BUCKETS_SECONDS,
  type CounterMetric,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type MetricOptions,
  type Metrics,
} from './metrics.ts';
export { checkPosition, PositionError, positionFromBigInt } from './position.ts';
export { HeapWatch } from './heap.ts';
export { BoundedQueue, QueueClosedError } from './queue.ts';
export { systemRandom, type Random } from './random.ts';
export { Sha1, sha1HexOf } from './sha1.ts';
export { areShared, digestThreadIsUp, ThreadSha1 } from './sha1-thread.ts';
export { stopSignal } from './stop-signal.ts';
