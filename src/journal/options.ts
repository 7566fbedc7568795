/**
 * Options of a session, with the defaults and their reasons (s3log.md §6.6). A JournalStore's spec.groupCommit has the same names.
 */
import { HoldfastError } from '../base/index.ts';
import { MAX_PAYLOAD_BYTES } from './slot.ts';

export interface SessionOptions {
  /** Longest time that bytes without a barrier wait for company, ms. 250 keeps a busy shard at four PUTs a second, about 53 USD a month on S3. */
  readonly flushIntervalMs: number;
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
}

export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  flushIntervalMs: 250,
  maxBatchBytes: 4 * 1024 * 1024,
  barrierIntervalMs: 0,
  bufferLimitBytes: 32 * 1024 * 1024,
  giveUpMs: 60_000,
  firstAttemptMs: 2000,
  laterAttemptMs: 4000,
};

/** First write after an idle period flushes after at most this, ms: interactive latency without the steady-state cost. */
export const IDLE_FLUSH_MS = 20;
/** append refuses beyond this multiple of bufferLimitBytes: a caller that does not wait for whenWritable must not exhaust memory. */
export const HARD_BUFFER_FACTOR = 4;

export class SessionOptionsError extends HoldfastError {
  constructor(name: string, value: number, allowed: string) {
    super('SESSION_OPTIONS_INVALID', `${name} is ${value}; it must be ${allowed}.`, {
      fields: { name, value, allowed },
    });
  }
}

/** Fills in defaults and checks ranges. @throws SessionOptionsError */
export function sessionOptions(given: Partial<SessionOptions> = {}): SessionOptions {
  const options = { ...DEFAULT_SESSION_OPTIONS, ...given };
  const check = (name: keyof SessionOptions, min: number, max: number): void => {
    const value = options[name];
    const whole = name.endsWith('Bytes');
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw new SessionOptionsError(
        name,
        value,
        `${whole ? 'a whole number ' : ''}between ${min} and ${max}`,
      );
  };
  check('flushIntervalMs', 0, 60_000);
  check('maxBatchBytes', 1024, MAX_PAYLOAD_BYTES);
  check('barrierIntervalMs', 0, 60_000);
  check('bufferLimitBytes', options.maxBatchBytes, 1024 * 1024 * 1024);
  check('giveUpMs', 1, 3_600_000);
  check('firstAttemptMs', 1, 60_000);
  check('laterAttemptMs', 1, 60_000);
  return options;
}
