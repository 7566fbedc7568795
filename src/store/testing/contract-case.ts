/**
 * What the cases of the contract are made of.
 */
import assert from 'node:assert/strict';
import { utf8 } from '../../base/index.ts';
import type { Body } from '../body.ts';
import { StoreError } from '../errors.ts';
import type { CreateOutcome, ListPage, ObjectStore, StoredObject } from '../types.ts';

export interface ContractCase {
  readonly title: string;
  /** `at`: a prefix ending with a slash, under which nothing exists. @throws AssertionError */
  readonly run: (store: ObjectStore, at: string) => Promise<void>;
}

export const text = (object: StoredObject | undefined): string | undefined =>
  object && Buffer.from(object.body).toString();
export const names = (page: ListPage, at: string): string[] =>
  page.objects.map(({ key }) => key.slice(at.length));

export const MIB = 1024 * 1024;

/** `size` bytes, a multiple of PAGE_BYTES, in which no two pages are alike. */
export function pattern(size: number): Uint8Array {
  const body = Buffer.alloc(size, 'Holdfast tests large objects with this text. ');
  for (let at = 0; at < size; at += PAGE_BYTES) body.writeUInt32BE(at, at);
  return body;
}
export const PAGE_BYTES = 4096;

export function createAgain(store: ObjectStore, key: string, body: Body): Promise<CreateOutcome> {
  return store.create(key, body, { freshConnection: true });
}

export async function creates(store: ObjectStore, key: string, body: string): Promise<void> {
  assert.deepEqual(await store.create(key, utf8(body)), { kind: 'created' });
}

export function refusedWith(outcome: CreateOutcome, code: string): void {
  assert.equal(outcome.kind, 'refused');
  assert.ok(outcome.kind === 'refused' && outcome.cause instanceof StoreError);
  assert.equal(outcome.cause.code, code);
}
