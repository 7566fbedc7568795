/**
 * Changes as bytes: what a read replica asks /v1/changes for (Accept: application/octet-stream). People and scripts get JSON.
 *
 *   u8 version = 2 | u8 role | number latest | varint changes | changes … | u32 big endian CRC-32C of all before it
 *   change:    number number | number previous | number now | history block | varint operations | operations …
 *   operation: u8 0 delete: key block | u8 1 put: key block, value block, number expiry (0 never)
 *
 * V1  Decoding what was encoded gives the same. What no server writes is refused whole: a replica applies nothing that it does not understand.
 */
import { crc32c, fromHex, toHex, viewOf } from '../../base/index.ts';
import { HISTORY_BYTES } from '../engine/history.ts';
import { type ChangeRecord, type Operation } from '../engine/types.ts';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, MIN_KEY_BYTES } from '../limits.ts';
import { type ReplicaRole } from '../service.ts';
import { WireReader, WireWriter } from '../wire.ts';

/** What /v1/changes answers. */
export interface ChangesReply {
  readonly role: ReplicaRole;
  readonly latest: number;
  readonly changes: readonly ChangeRecord[];
}

const VERSION = 2;
const ROLES: readonly ReplicaRole[] = ['primary', 'standby', 'replica'];
const DELETE = 0;
const PUT = 1;
const CRC_BYTES = 4;

export function changesToBytes({ role, latest, changes }: ChangesReply): Uint8Array {
  const out = new WireWriter().byte(VERSION).byte(ROLES.indexOf(role)).varint(latest).varint(changes.length);
  for (const { number, previous, now, history, operations } of changes) {
    out.varint(number).varint(previous).varint(now).block(fromHex(history)).varint(operations.length);
    for (const operation of operations) {
      if (operation.kind === 'delete') out.byte(DELETE).block(operation.key);
      else out.byte(PUT).block(operation.key).block(operation.value).varint(operation.expiresAt);
    }
  }
  const body = out.finish();
  const whole = new Uint8Array(body.length + CRC_BYTES);
  whole.set(body);
  viewOf(whole).setUint32(body.length, crc32c(body));
  return whole;
}

/** Keys and values are views into `bytes`. @throws KvFormatError (V1) */
export function changesFromBytes(bytes: Uint8Array): ChangesReply {
  const body = bytes.subarray(0, Math.max(0, bytes.length - CRC_BYTES));
  const input = new WireReader(body, 'answer with changes');
  if (bytes.length < CRC_BYTES || viewOf(bytes).getUint32(body.length) !== crc32c(body))
    throw input.bad('its checksum is wrong');
  const version = input.byte();
  if (version !== VERSION) throw input.bad(`version ${version}`);
  const role = ROLES[input.byte()];
  if (role === undefined) throw input.bad('a role that is none');
  const latest = input.number();
  const changes: ChangeRecord[] = [];
  for (let left = input.varint(); left > 0; left--) changes.push(changeIn(input));
  input.end();
  return { role, latest, changes };
}

function changeIn(input: WireReader): ChangeRecord {
  const numbers = { number: input.number(), previous: input.number(), now: input.number() };
  const history = toHex(input.block(HISTORY_BYTES, HISTORY_BYTES));
  const operations: Operation[] = [];
  for (let left = input.varint(); left > 0; left--) operations.push(operationIn(input));
  return { ...numbers, history, operations };
}

function operationIn(input: WireReader): Operation {
  const kind = input.byte();
  if (kind > PUT) throw input.bad(`an operation of kind ${kind}`);
  const key = input.block(MIN_KEY_BYTES, MAX_KEY_BYTES);
  if (kind === DELETE) return { kind: 'delete', key };
  return { kind: 'put', key, value: input.block(0, MAX_VALUE_BYTES), expiresAt: input.number() };
}
