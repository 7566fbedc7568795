/**
 * The store's end of the faulty store: acts honestly unless the fault of the request is a lie or an answer out of date.
 *
 * 1. Without such a fault every call is one call of the inner store, made at once.
 * 2. Keeps the history that stale answers need; changes made past this wrapper are not in it.
 */
import type { Clock } from '../../base/index.ts';
import type { ByteRange, CreateOutcome, ListPage, ObjectInfo, ObjectStore, StoredObject } from '../types.ts';
import type { Fault } from './faults.ts';
import { History } from './history.ts';
import { flipBit, lieAboutBytes, lieAboutList, lieAboutObject, LIST_STALE_MS, type Lie } from './lies.ts';

/** Which bit `bytes-changed` flips. */
const CHANGED_BIT = 13;

/** Creates of one key that arrive within this are a race, however slowly a loaded machine sends them. */
const RACE_MS = 50;

export class LyingStore {
  readonly inner: ObjectStore;
  readonly #clock: Clock;
  readonly #history = new History();
  /** Creates under way by key, for the race that has two winners. */
  readonly #creating = new Map<string, number>();

  constructor(inner: ObjectStore, clock: Clock) {
    this.inner = inner;
    this.#clock = clock;
  }

  async create(fault: Fault | undefined, key: string, body: Uint8Array): Promise<CreateOutcome> {
    const racing = this.#creating.get(key) ?? 0;
    this.#creating.set(key, racing + 1);
    try {
      if (lieOf(fault) === 'race-has-two-winners') await this.#clock.sleep(RACE_MS);
      const outcome = await this.#createUnder(lieOf(fault), key, body, racing > 0);
      if (lieOf(fault) === 'race-has-two-winners' && this.#creating.get(key)! > 1) return { kind: 'created' };
      if (outcome.kind === 'created') this.#history.created(key, this.#clock.monotonicMs());
      return outcome.kind === 'exists' && lieOf(fault) === 'refusal-hidden' ? { kind: 'created' } : outcome;
    } finally {
      this.#creating.set(key, this.#creating.get(key)! - 1);
    }
  }

  async #createUnder(
    lie: Lie | undefined,
    key: string,
    body: Uint8Array,
    racing: boolean,
  ): Promise<CreateOutcome> {
    if (lie === 'create-forgotten') return { kind: 'created' };
    if (lie === 'deleted-key-stays-taken' && this.#history.knows(key)) return { kind: 'exists' };
    if (lie === 'condition-ignored' || (lie === 'race-has-two-winners' && racing))
      return await this.#overwrite(key, body);
    const outcome = await this.inner.create(key, lie === 'bytes-changed' ? flipBit(body, CHANGED_BIT) : body);
    if (lie === 'refused-create-overwrites' && outcome.kind === 'exists') await this.#overwrite(key, body);
    return outcome;
  }

  async #overwrite(key: string, body: Uint8Array): Promise<CreateOutcome> {
    await this.inner.delete(key);
    await this.inner.create(key, body);
    return { kind: 'created' };
  }

  async get(
    fault: Fault | undefined,
    key: string,
    range: ByteRange | undefined,
  ): Promise<StoredObject | undefined> {
    const honest = await this.inner.get(key, { range });
    if (honest && fault?.kind === 'truncate') return { ...honest, body: honest.body.slice(0, fault.bytes) };
    if (honest && fault?.kind === 'corrupt') return { ...honest, body: flipBit(honest.body, fault.bit) };
    const lie = lieOf(fault);
    if (lie === undefined) return honest;
    const whole = range && (await this.inner.get(key));
    return lieAboutObject(lie, lieAboutBytes(lie, honest, whole), this.#ageMs(key));
  }

  async head(fault: Fault | undefined, key: string): Promise<ObjectInfo | undefined> {
    const honest = await this.inner.head(key);
    const lie = lieOf(fault);
    return lie === undefined ? honest : lieAboutObject(lie, honest, this.#ageMs(key));
  }

  async list(
    fault: Fault | undefined,
    prefix: string,
    startAfter: string | undefined,
    limit: number | undefined,
  ): Promise<ListPage> {
    const lie = lieOf(fault);
    const ageMs =
      fault?.kind === 'stale-list' ? fault.ageMs : lie === 'list-stale' ? LIST_STALE_MS : undefined;
    if (ageMs !== undefined) {
      const thenMs = this.#clock.monotonicMs() - ageMs;
      return await this.#history.listAsOf(this.inner, thenMs, prefix, startAfter, limit);
    }
    if (lie === undefined) return await this.inner.list(prefix, { startAfter, limit });
    return await lieAboutList(lie, this.inner, { prefix, startAfter, limit });
  }

  async delete(fault: Fault | undefined, key: string): Promise<void> {
    if (lieOf(fault) === 'delete-ignored') return;
    const removed = await this.inner.head(key);
    await this.inner.delete(key);
    if (removed) this.#history.deleted(removed, this.#clock.monotonicMs());
  }

  #ageMs(key: string): number | undefined {
    const createdMs = this.#history.createdMs(key);
    return createdMs === undefined ? undefined : this.#clock.monotonicMs() - createdMs;
  }
}

function lieOf(fault: Fault | undefined): Lie | undefined {
  return fault?.kind === 'lie' ? fault.lie : undefined;
}
