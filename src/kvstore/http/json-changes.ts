/**
 * Changes in JSON: what /v1/changes answers and a read replica reads.
 *
 * V1  changesFromJson(changesToJson(c)) equals c. What no server writes is refused: a replica applies nothing that it does not understand.
 */
import { type ChangeRecord, type Operation } from '../engine/types.ts';
import {
  badBody,
  listIn,
  neededBytes,
  objectWith,
  toJsonBytes,
  wholeNumber,
  type JsonObject,
} from './json-bytes.ts';

export function changeToJson({ number, previous, now, operations }: ChangeRecord): JsonObject {
  return { number, previous, now, operations: operations.map(operationToJson) };
}

function operationToJson(operation: Operation): JsonObject {
  if (operation.kind === 'delete') return { type: 'delete', ...toJsonBytes('key', operation.key) };
  const { key, value, expiresAt } = operation;
  return {
    type: 'put',
    ...toJsonBytes('key', key),
    ...toJsonBytes('value', value),
    ...(expiresAt === 0 ? {} : { expiresAt }),
  };
}

/** @throws KvError INVALID_BODY */
export function changesFromJson(list: readonly unknown[]): readonly ChangeRecord[] {
  return list.map((item) => {
    const object = objectWith(item, ['number', 'previous', 'now', 'operations']);
    return {
      number: needed(object, 'number'),
      previous: needed(object, 'previous'),
      now: needed(object, 'now'),
      operations: listIn(object, 'operations').map(operationFromJson),
    };
  });
}

const OPERATION_FIELDS = ['type', 'key', 'keyBase64', 'value', 'valueBase64', 'expiresAt'];

function operationFromJson(item: unknown): Operation {
  const object = objectWith(item, OPERATION_FIELDS);
  const key = neededBytes(object, 'key');
  const { type } = object;
  if (type === 'delete') return { kind: 'delete', key };
  if (type !== 'put') throw badBody(`an operation of type ${JSON.stringify(type)}`);
  return {
    kind: 'put',
    key,
    value: neededBytes(object, 'value'),
    expiresAt: wholeNumber(object, 'expiresAt') ?? 0,
  };
}

function needed(object: JsonObject, name: string): number {
  const value = wholeNumber(object, name);
  if (value === undefined) throw badBody(`${name} is missing`);
  return value;
}
