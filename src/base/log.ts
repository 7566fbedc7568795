/**
 * Structured logging: winston underneath, one JSON line an entry on standard output (or a readable line on a terminal).
 *
 * L1  Errors anywhere in the fields keep name, code, message, fields and the chain of causes; winston by itself loses nested ones
 *     (ecosystem.md §1.5).
 * L2  Messages are constant sentences; variable data goes into fields. A line is cut at MAX_TEXT per value, so that no response body floods it.
 */
import winston from 'winston';
import { HoldfastError } from './errors.ts';

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
  /** For guarding the building of expensive debug fields. */
  isDebugEnabled(): boolean;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  readonly fields?: LogFields;
  /** Where lines go; standard output when absent. */
  readonly stream?: NodeJS.WritableStream;
}

/** Longest text of one value in a line, characters (L2). */
const MAX_TEXT = 2000;
/** Deepest chain of causes that is printed; longer ones are cycles or noise. */
const MAX_CAUSES = 8;
const MAX_DEPTH = 6;

/** An Error as plain data (L1). */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return plain(error, depth);
  const code = 'code' in error ? error.code : undefined;
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    message: cut(error.message),
    ...(error instanceof HoldfastError
      ? Object.fromEntries(Object.entries(error.fields).map(([key, value]) => [key, plain(value, depth + 1)]))
      : {}),
    ...(error instanceof AggregateError
      ? { errors: error.errors.slice(0, MAX_CAUSES).map((e) => describeError(e, depth + 1)) }
      : {}),
    ...(error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
    ...(depth === 0 && !(error instanceof HoldfastError) && error.stack ? { stack: cut(error.stack) } : {}),
  };
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`;
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  if (value instanceof Map || value instanceof Set) return plain([...value], depth);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]));
}

const SPLAT_FREE = new Set(['level', 'message', 'timestamp']);

function lineFormat(format: 'json' | 'text'): winston.Logform.Format {
  return winston.format.printf((info) => {
    const fields: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(info)) if (!SPLAT_FREE.has(key)) fields[key] = plain(value, 0);
    const time = String(info['timestamp']);
    if (format === 'json') return JSON.stringify({ time, level: info.level, msg: info.message, ...fields });
    const rest = Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    return `${time.slice(11, 23)} ${info.level.padEnd(5)} ${String(info.message)}${rest.length > 0 ? ` ${rest.join(' ')}` : ''}`;
  });
}

function wrap(inner: winston.Logger): Logger {
  // The message must stay the caller's: winston would take a `message` field of the metadata into it, so fields travel under safe names.
  const write = (level: LogLevel, message: string, fields?: LogFields): void => {
    const { level: fieldLevel, message: fieldMessage, ...rest } = fields ?? {};
    inner.log(level, message, {
      ...rest,
      ...(fieldLevel === undefined ? {} : { level_: fieldLevel }),
      ...(fieldMessage === undefined ? {} : { message_: fieldMessage }),
    });
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    child: (fields) => wrap(inner.child(fields)),
    isDebugEnabled: () => inner.isDebugEnabled(),
  };
}

/** The process's logger. Make one in main, hand children down. */
export function createLogger(options: LoggerOptions): Logger {
  return wrap(
    winston.createLogger({
      level: options.level,
      defaultMeta: options.fields ?? {},
      format: winston.format.combine(winston.format.timestamp(), lineFormat(options.format)),
      transports: [new winston.transports.Stream({ stream: options.stream ?? process.stdout })],
    }),
  );
}

/** A logger that writes nowhere: for library callers that passed none. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
  isDebugEnabled: () => false,
};
