/**
 * The commands that change the store, and their bytes in the log.
 *
 *   u8 version = 1 | u8 kind | body
 *   put    (1): varint pairs, then per pair: key block, value block
 *   delete (2): key block
 *   cas    (3): key block | u8 expects (0 absent, 1 value) | value block when 1 | new value block
 *
 * D1  decode(encode(c)) equals c and encode(decode(b)) equals b for every accepted b: one command, one encoding.
 * D2  Whatever decodes keeps every limit of limits.ts, so the state machine needs no check of its own and cannot refuse (seeds.md C5.1).
 */
import { unreachable } from '../base/index.ts';
import { KvError } from './errors.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_PAIRS, MAX_KEY_BYTES, MAX_VALUE_BYTES, MIN_KEY_BYTES } from './limits.ts';
import { WireReader, WireWriter } from './wire.ts';

export interface Pair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type Command =
  /** Sets every pair, or none; of equal keys the last one wins. */
  | { readonly kind: 'put'; readonly pairs: readonly Pair[] }
  | { readonly kind: 'delete'; readonly key: Uint8Array }
  /** Sets `value` if the key now holds `expected` (undefined: if there is no such key). An empty value is a value, not absence. */
  | {
      readonly kind: 'cas';
      readonly key: Uint8Array;
      readonly expected: Uint8Array | undefined;
      readonly value: Uint8Array;
    };

const VERSION = 1;
const PUT = 1;
const DELETE = 2;
const CAS = 3;

/** Checks a key that came from a client. @throws KvError INVALID_KEY */
export function checkKey(key: Uint8Array): Uint8Array {
  if (key.length < MIN_KEY_BYTES || key.length > MAX_KEY_BYTES)
    throw new KvError(
      'INVALID_KEY',
      `A key has ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes; this one has ${key.length}.`,
      { fields: { keyBytes: key.length } },
    );
  return key;
}

/** Checks a value that came from a client. @throws KvError TOO_LARGE */
export function checkValue(value: Uint8Array): Uint8Array {
  if (value.length > MAX_VALUE_BYTES)
    throw new KvError(
      'TOO_LARGE',
      `A value has at most ${MAX_VALUE_BYTES} bytes; this one has ${value.length}.`,
      { fields: { valueBytes: value.length } },
    );
  return value;
}

/** Checks a command that came from a client against every limit. @throws KvError INVALID_KEY, TOO_LARGE, INVALID_BODY */
export function checkCommand(command: Command): Command {
  if (command.kind === 'put') checkPairs(command.pairs);
  else checkKey(command.key);
  if (command.kind === 'cas') {
    checkValue(command.value);
    if (command.expected) checkValue(command.expected);
  }
  return command;
}

function checkPairs(pairs: readonly Pair[]): void {
  if (pairs.length === 0 || pairs.length > MAX_BATCH_PAIRS)
    throw new KvError(
      'INVALID_BODY',
      `A batch has 1 to ${MAX_BATCH_PAIRS} pairs; this one has ${pairs.length}.`,
    );
  let bytes = 0;
  for (const { key, value } of pairs) bytes += checkKey(key).length + checkValue(value).length;
  if (bytes > MAX_BATCH_BYTES)
    throw new KvError(
      'TOO_LARGE',
      `The keys and values of a batch have at most ${MAX_BATCH_BYTES} bytes together; these have ${bytes}. Send smaller batches.`,
      { fields: { batchBytes: bytes } },
    );
}

/** The bytes of a command that passed checkCommand. */
export function encodeCommand(command: Command): Uint8Array {
  const out = new WireWriter().byte(VERSION);
  switch (command.kind) {
    case 'put':
      out.byte(PUT).varint(command.pairs.length);
      for (const { key, value } of command.pairs) out.block(key).block(value);
      return out.finish();
    case 'delete':
      return out.byte(DELETE).block(command.key).finish();
    case 'cas':
      out.byte(CAS).block(command.key);
      if (command.expected) out.byte(1).block(command.expected);
      else out.byte(0);
      return out.block(command.value).finish();
    default:
      return unreachable(command);
  }
}

/** Reads a command; its keys and values are views into `bytes`. @throws KvFormatError */
export function decodeCommand(bytes: Uint8Array): Command {
  const input = new WireReader(bytes, 'command');
  const version = input.byte();
  if (version !== VERSION) throw input.bad(`version ${version}`);
  const command = decodeBody(input);
  input.end();
  return command;
}

function decodeBody(input: WireReader): Command {
  const key = (): Uint8Array => input.block(MIN_KEY_BYTES, MAX_KEY_BYTES);
  const value = (): Uint8Array => input.block(0, MAX_VALUE_BYTES);
  const kind = input.byte();
  switch (kind) {
    case PUT: {
      const count = input.varint();
      if (count === 0 || count > MAX_BATCH_PAIRS) throw input.bad(`a batch of ${count} pairs`);
      const pairs = Array.from({ length: count }, () => ({ key: key(), value: value() }));
      const size = pairs.reduce((sum, pair) => sum + pair.key.length + pair.value.length, 0);
      if (size > MAX_BATCH_BYTES) throw input.bad(`a batch of ${size} bytes`);
      return { kind: 'put', pairs };
    }
    case DELETE:
      return { kind: 'delete', key: key() };
    case CAS: {
      const casKey = key();
      const expects = input.byte();
      if (expects > 1) throw input.bad(`an expectation marked ${expects}`);
      return { kind: 'cas', key: casKey, expected: expects === 1 ? value() : undefined, value: value() };
    }
    default:
      throw input.bad(`kind ${kind}`);
  }
}
