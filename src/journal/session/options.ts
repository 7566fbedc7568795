/**
 * Options of a session, with the defaults, the ranges and their reasons (s3log.md §6.6). A JournalStore's spec.groupCommit has the same names,
 * defaults and ranges.
 */
import { HoldfastError } from '../../base/index.ts';
import type { Codec } from '../format/codec.ts';
import { MAX_PAYLOAD_BYTES } from '../format/slot.ts';

export interface SessionOptions {
  /** Longest time that bytes without a barrier wait for company, ms. 250 keeps a busy shard at four PUTs a second, about 53 USD a month on S3. */
  readonly flushIntervalMs: number;
  /** First write after an idle period flushes after at most this, ms: interactive latency without the steady-state cost. */
  readonly idleFlushMs: number;
  /** A batch closes at this size, bytes. 4 MiB keeps the retry of a slot cheap and the body below the size where PUT latency grows. */
  readonly maxBatchBytes: number;
  /** Least time between two flushes made by barriers, ms. 0: one PUT in flight already bounds the rate (docs/decisions/0010). */
  readonly barrierIntervalMs: number;
  /** whenWritable waits above this many buffered bytes: eight full batches of a store that has become slow. */
  readonly bufferLimitBytes: number;
  /** A slot that is undecided for longer ends the session, ms. Longer than a store's usual hiccup, shorter than anybody's patience. */
  readonly giveUpMs: number;
  /** Deadline of the first attempt of a PUT, ms: ten times a slow store's median; then a new connection is worth trying. */
  readonly firstAttemptMs: number;
  /** Deadline of every later attempt, ms. */
  readonly laterAttemptMs: number;
  /** How the content of a large batch is compressed; raw: not at all (docs/decisions/0025). */
  readonly compression: Codec;
  /** Only batches above this size are compressed, bytes: below it a PUT takes as long whatever its size. */
  readonly compressAboveBytes: number;
}

export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  flushIntervalMs: 250,
  idleFlushMs: 20,
  maxBatchBytes: 4 * 1024 * 1024,
  barrierIntervalMs: 0,
  bufferLimitBytes: 32 * 1024 * 1024,
  giveUpMs: 60_000,
  firstAttemptMs: 2000,
  laterAttemptMs: 4000,
  compression: 'zstd',
  compressAboveBytes: 64 * 1024,
};

/** Least and greatest value of every number. bufferLimitBytes must also hold one batch. */
export const SESSION_OPTION_RANGES: Readonly<
  Record<Exclude<keyof SessionOptions, 'compression'>, readonly [min: number, max: number]>
> = {
  flushIntervalMs: [0, 60_000],
  idleFlushMs: [0, 60_000],
  maxBatchBytes: [1024, MAX_PAYLOAD_BYTES],
  barrierIntervalMs: [0, 60_000],
  bufferLimitBytes: [1024, 1024 * 1024 * 1024],
  giveUpMs: [1, 3_600_000],
  firstAttemptMs: [1, 60_000],
  laterAttemptMs: [1, 60_000],
  compressAboveBytes: [0, MAX_PAYLOAD_BYTES],
};

export const COMPRESSIONS: readonly Codec[] = ['raw', 'gzip', 'zstd'];

/** append refuses beyond this multiple of bufferLimitBytes: a caller that does not wait for whenWritable must not exhaust memory. */
export const HARD_BUFFER_FACTOR = 4;
/** Compressed content is stored only when it is smaller by more than this part: less is not worth what every reader pays to decode it. */
export const MIN_SAVING = 0.1;

export class SessionOptionsError extends HoldfastError {
  constructor(name: string, value: number | string, allowed: string) {
    super('SESSION_OPTIONS_INVALID', `${name} is ${value}; it must be ${allowed}.`, {
      fields: { name, value, allowed },
    });
  }
}

/** Least and greatest value of each number among some options. */
export type OptionRanges<T> = Readonly<
  Record<Exclude<keyof T, 'compression'>, readonly [least: number, most: number]>
>;

/** Fills in defaults and checks ranges. @throws SessionOptionsError */
export function sessionOptions(given: Partial<SessionOptions> = {}): SessionOptions {
  const options = checkOptions({ ...DEFAULT_SESSION_OPTIONS, ...given }, SESSION_OPTION_RANGES);
  const { bufferLimitBytes, maxBatchBytes } = options;
  if (bufferLimitBytes < maxBatchBytes)
    throw new SessionOptionsError(
      'bufferLimitBytes',
      bufferLimitBytes,
      `at least maxBatchBytes, ${maxBatchBytes}`,
    );
  return options;
}

/** The options, if every number lies in its range and the compression exists; bytes and slots are whole. @throws SessionOptionsError */
export function checkOptions<T extends { readonly compression: Codec }>(
  options: T,
  ranges: OptionRanges<T>,
): T {
  for (const [name, [min, max]] of Object.entries<readonly [number, number]>(ranges)) {
    const value = options[name as keyof T];
    const whole = /(Bytes|Slots)$/.test(name);
    const isNumber = typeof value === 'number'; // options also come from outside, as JSON
    if (!isNumber || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw new SessionOptionsError(
        name,
        isNumber ? value : JSON.stringify(value),
        `${whole ? 'a whole number ' : ''}between ${min} and ${max}`,
      );
  }
  if (!COMPRESSIONS.includes(options.compression))
    throw new SessionOptionsError('compression', options.compression, COMPRESSIONS.join(', '));
  return options;
}
