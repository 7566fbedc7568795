/**
 * Changes in JSON, for people and scripts.
 */
import { type ChangeRecord, type Operation } from '../engine/types.ts';
import { toJsonBytes, type JsonObject } from './json-bytes.ts';

export function changeToJson({ number, previous, now, history, operations }: ChangeRecord): JsonObject {
  return { number, previous, now, history, operations: operations.map(operationToJson) };
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
