/**
 * The commands that change the store, and their bytes in the log.
 *
 *   u8 version | u8 kind | body | times
 *   put             (1): varint pairs, then per pair: key block, value block
 *   delete          (2): key block
 *   cas             (3): key block | u8 expects (0 absent, 1 value) | value block when 1 | new value block
 *   begin-replace   (4): id block
 *   replace-part    (5): id block | varint part | pairs as in put
 *   commit-replace  (6): id block | number pairs
 *   abort-replace   (7): id block
 *   times, since version 2: number now, then for put, cas and replace-part: u8 0, or u8 1 and a number for each pair, when it expires (0 never)
 *
 * D1  decode(encode(c)) equals c and encode(decode(b)) equals b for every accepted b: one command, one encoding.
 * D2  Whatever decodes keeps every limit of limits.ts, so the state machine needs no check of its own and cannot refuse (seeds.md C5.1).
 * D3  Version 1 has no times and knows put, delete and cas; logs written with it are read for ever.
 * D4  The times stand behind the rest: two commands that differ in their times only are the same request (commandDigest).
 */
import { hash } from 'node:crypto';
import { assert, unreachable } from '../base/index.ts';
import { KvError } from './errors.ts';
import { keyOf } from './key.ts';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_PAIRS,
  MAX_KEY_BYTES,
  MAX_REPLACE_ID_BYTES,
  MAX_VALUE_BYTES,
  MIN_KEY_BYTES,
} from './limits.ts';
import { WireReader, WireWriter } from './wire.ts';

export interface Pair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** From this moment on there is no such key, ms since 1970 by the time of commands; absent: it stays. */
  readonly expiresAt?: number;
}

/** A change of pairs, as a client asks for it. */
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
      readonly expiresAt?: number;
    };

/** A step of replacing the whole contents, which takes effect with the commit, all at once (engine/replacement.ts). */
export type ReplaceStep =
  | { readonly kind: 'begin-replace'; readonly id: Uint8Array }
  /** `part` counts 0, 1, 2 … */
  | {
      readonly kind: 'replace-part';
      readonly id: Uint8Array;
      readonly part: number;
      readonly pairs: readonly Pair[];
    }
  /** `pairs` in all parts together. */
  | { readonly kind: 'commit-replace'; readonly id: Uint8Array; readonly pairs: number }
  | { readonly kind: 'abort-replace'; readonly id: Uint8Array };

export type AnyCommand = Command | ReplaceStep;

/** A command with the time that its proposer's clock showed, ms since 1970; undefined in version 1. */
export interface StampedCommand {
  readonly now: number | undefined;
  readonly command: AnyCommand;
}

const VERSION_WITHOUT_TIMES = 1;
const VERSION = 2;
const PUT = 1;
const DELETE = 2;
const CAS = 3;
const BEGIN_REPLACE = 4;
const REPLACE_PART = 5;
const COMMIT_REPLACE = 6;
const ABORT_REPLACE = 7;

/** Bytes of a digest: 64 bits guard against a client's mistake, not against an attacker, who could as well send the other request. */
const DIGEST_BYTES = 8;

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
    checkMoment(command.expiresAt);
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
  for (const { key, value, expiresAt } of pairs) {
    bytes += checkKey(key).length + checkValue(value).length;
    checkMoment(expiresAt);
  }
  if (bytes > MAX_BATCH_BYTES)
    throw new KvError(
      'TOO_LARGE',
      `The keys and values of a batch have at most ${MAX_BATCH_BYTES} bytes together; these have ${bytes}. Send smaller batches.`,
      { fields: { batchBytes: bytes } },
    );
}

function checkMoment(expiresAt: number | undefined): void {
  if (expiresAt === undefined || (Number.isSafeInteger(expiresAt) && expiresAt > 0)) return;
  throw new KvError('INVALID_BODY', 'expiresAt is a whole number of milliseconds since 1970, above 0.');
}

/**
 * The bytes of a command within the limits.
 * @param now the proposer's time, ms since 1970; without it the command is of version 1, which has neither expiry nor replacement
 */
export function encodeCommand(command: AnyCommand, now?: number): Uint8Array {
  const out = new WireWriter().byte(now === undefined ? VERSION_WITHOUT_TIMES : VERSION);
  encodeBody(out, command);
  const moments = momentsOf(command);
  const expires = moments.some((moment) => moment !== 0);
  if (now === undefined) {
    assert(!expires && isMutation(command), 'a command with an expiry or of a replacement has a time');
    return out.finish();
  }
  out.varint(Math.trunc(now));
  if (moments.length > 0) out.byte(expires ? 1 : 0);
  if (expires) for (const moment of moments) out.varint(moment);
  return out.finish();
}

function isMutation(command: AnyCommand): command is Command {
  return command.kind === 'put' || command.kind === 'delete' || command.kind === 'cas';
}

/** When what the command writes expires, pair by pair, 0 for never. */
function momentsOf(command: AnyCommand): readonly number[] {
  if (command.kind === 'cas') return [command.expiresAt ?? 0];
  return 'pairs' in command && typeof command.pairs !== 'number'
    ? command.pairs.map(({ expiresAt }) => expiresAt ?? 0)
    : [];
}

function encodeBody(out: WireWriter, command: AnyCommand): void {
  switch (command.kind) {
    case 'put':
      return encodePairs(out.byte(PUT), command.pairs);
    case 'delete':
      return void out.byte(DELETE).block(command.key);
    case 'cas':
      out.byte(CAS).block(command.key);
      if (command.expected) out.byte(1).block(command.expected);
      else out.byte(0);
      return void out.block(command.value);
    case 'begin-replace':
      return void out.byte(BEGIN_REPLACE).block(command.id);
    case 'replace-part':
      return encodePairs(out.byte(REPLACE_PART).block(command.id).varint(command.part), command.pairs);
    case 'commit-replace':
      return void out.byte(COMMIT_REPLACE).block(command.id).varint(command.pairs);
    case 'abort-replace':
      return void out.byte(ABORT_REPLACE).block(command.id);
    default:
      return unreachable(command);
  }
}

function encodePairs(out: WireWriter, pairs: readonly Pair[]): void {
  out.varint(pairs.length);
  for (const { key, value } of pairs) out.block(key).block(value);
}

/** Reads a command; its keys and values are views into `bytes`. @throws KvFormatError */
export function decodeCommand(bytes: Uint8Array): StampedCommand {
  return read(bytes).stamped;
}

/** The first bytes of SHA-256 over the command as version 1 writes it: equal for the same request, whenever it was made (D4). @throws KvFormatError */
export function commandDigest(bytes: Uint8Array): Uint8Array {
  return digestOf(hashOf(bytes, read(bytes).bodyEnd));
}

/** Stands for all bytes of a command: two that differ in anything differ in these. */
export interface CommandMark {
  /** SHA-256 over the command as version 1 writes it, hexadecimal. */
  readonly body: string;
  /** What stands behind that (D4), one character a byte. */
  readonly times: string;
}

/** A command, its commandDigest and its mark, for the price of one. @throws KvFormatError */
export function decodeWithDigest(
  bytes: Uint8Array,
): StampedCommand & { readonly digest: Uint8Array; readonly mark: CommandMark } {
  const { stamped, bodyEnd } = read(bytes);
  const body = hashOf(bytes, bodyEnd);
  return { ...stamped, digest: digestOf(body), mark: { body, times: keyOf(bytes.subarray(bodyEnd)) } };
}

function digestOf(body: string): Uint8Array {
  return new Uint8Array(Buffer.from(body.slice(0, 2 * DIGEST_BYTES), 'hex'));
}

/** Hexadecimal: Node makes text of a hash in half the time that it takes to make a buffer. */
function hashOf(bytes: Uint8Array, bodyEnd: number): string {
  const body = Buffer.allocUnsafe(bodyEnd);
  body.set(bytes.subarray(0, bodyEnd));
  body[0] = VERSION_WITHOUT_TIMES;
  return hash('sha256', body, 'hex');
}

function read(bytes: Uint8Array): { readonly stamped: StampedCommand; readonly bodyEnd: number } {
  const input = new WireReader(bytes, 'command');
  const version = input.byte();
  if (version !== VERSION && version !== VERSION_WITHOUT_TIMES) throw input.bad(`version ${version}`);
  const body = decodeBody(input);
  const bodyEnd = input.position;
  if (version === VERSION_WITHOUT_TIMES) {
    if (!isMutation(body)) throw input.bad(`${body.kind} in version ${version}`); // D3
    input.end();
    return { stamped: { now: undefined, command: body }, bodyEnd };
  }
  const now = input.number();
  const command = withMoments(input, body);
  input.end();
  return { stamped: { now, command }, bodyEnd };
}

function decodeBody(input: WireReader): AnyCommand {
  const key = (): Uint8Array => input.block(MIN_KEY_BYTES, MAX_KEY_BYTES);
  const value = (): Uint8Array => input.block(0, MAX_VALUE_BYTES);
  const id = (): Uint8Array => input.block(1, MAX_REPLACE_ID_BYTES);
  const kind = input.byte();
  switch (kind) {
    case PUT:
      return { kind: 'put', pairs: decodePairs(input) };
    case DELETE:
      return { kind: 'delete', key: key() };
    case CAS: {
      const casKey = key();
      const expects = input.byte();
      if (expects > 1) throw input.bad(`an expectation marked ${expects}`);
      return { kind: 'cas', key: casKey, expected: expects === 1 ? value() : undefined, value: value() };
    }
    case BEGIN_REPLACE:
      return { kind: 'begin-replace', id: id() };
    case REPLACE_PART:
      return { kind: 'replace-part', id: id(), part: input.varint(), pairs: decodePairs(input) };
    case COMMIT_REPLACE:
      return { kind: 'commit-replace', id: id(), pairs: input.number() };
    case ABORT_REPLACE:
      return { kind: 'abort-replace', id: id() };
    default:
      throw input.bad(`kind ${kind}`);
  }
}

function decodePairs(input: WireReader): readonly Pair[] {
  const count = input.varint();
  if (count === 0 || count > MAX_BATCH_PAIRS) throw input.bad(`a batch of ${count} pairs`);
  const pairs: Pair[] = [];
  let size = 0;
  for (let n = 0; n < count; n++) {
    const key = input.block(MIN_KEY_BYTES, MAX_KEY_BYTES);
    const value = input.block(0, MAX_VALUE_BYTES);
    size += key.length + value.length;
    pairs.push({ key, value });
  }
  if (size > MAX_BATCH_BYTES) throw input.bad(`a batch of ${size} bytes`);
  return pairs;
}

/** The command with what its times say of it. */
function withMoments(input: WireReader, command: AnyCommand): AnyCommand {
  if (command.kind !== 'put' && command.kind !== 'cas' && command.kind !== 'replace-part') return command;
  const expires = input.byte();
  if (expires > 1) throw input.bad(`times marked ${expires}`);
  if (expires === 0) return command;
  let some = false;
  const moment = (): { readonly expiresAt?: number } => {
    const expiresAt = input.number();
    some ||= expiresAt !== 0;
    return expiresAt === 0 ? {} : { expiresAt };
  };
  const timed: AnyCommand =
    command.kind === 'cas'
      ? { ...command, ...moment() }
      : { ...command, pairs: command.pairs.map((pair) => ({ ...pair, ...moment() })) };
  if (!some) throw input.bad('times of which none says anything'); // D1
  return timed;
}
