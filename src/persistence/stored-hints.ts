/**
 * stored-hints: reading and writing the hints slots where they are kept: in annotations, with large values in an object store beside them.
 *
 * T1  A large value is durable in the store before a slot names it, and is removed only after no slot names it: whenever a writer dies, every slot names
 *     what exists.
 * T2  Whoever may not write (H1), or cannot reach the slots, leaves no object behind: the slots are looked at before one is made.
 * T3  A pointer is resolved against the slots that are there now: an object that is gone means that the slot moved on, which is looked for, before it
 *     means damage.
 * T4  What several slots together leave no room for goes into the store too, although it fits the share of its slot.
 */
import { sha256Hex, utf8, type Clock, type Logger, type Random } from '../base/index.ts';
import type { Annotations } from './annotated-object.ts';
import { writerToken } from './annotations.ts';
import type { Body } from './envelope.ts';
import { TooLargeError } from './errors.ts';
import { formFor, HINTS_SLOT_BYTES, packed } from './hints-forms.ts';
import {
  checkTerm,
  HINTS_SLOTS,
  namedObjects,
  nextSlots,
  readSlots,
  type AllSlots,
  type HintsKeys,
  type HintsRead,
  type HintsSlotName,
  type NewHints,
} from './hints-slots.ts';
import { resolveSlots, type HintsObjects } from './resolve-hints.ts';

export type HintsForm = Body['kind'];

export interface HintsSlots {
  /** @throws UnavailableError, ForbiddenError, errors of the object store */
  readAll(signal?: AbortSignal): Promise<AllSlots<HintsRead>>;
  /**
   * Replaces the primary slot; with `rotate` the older ones move back by one (H2).
   * @returns the form that the value was given
   * @throws HintsStaleTermError (H1), TooLargeError, UnavailableError, ForbiddenError, errors of the object store
   */
  write(
    hints: { readonly term: number; readonly value: Uint8Array; readonly rotate: boolean },
    signal?: AbortSignal,
  ): Promise<HintsForm>;
}

/** Where the annotations are. */
export interface Place {
  read(signal?: AbortSignal): Promise<Annotations>;
  /** As AnnotatedObject.change. */
  change(decide: (current: Annotations) => Annotations, signal?: AbortSignal): Promise<Annotations>;
}

export interface StoredHintsParts {
  readonly place: Place;
  readonly keys: HintsKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: string;
  readonly objects: HintsObjects | undefined;
  readonly log: Logger;
}

/** Looks at slots whose object is gone, each time after the slots have changed; ten writes within one read are no accident. */
const MAX_LOOKS = 10;

/** The slots of one log. */
export class StoredHints implements HintsSlots {
  readonly #parts: StoredHintsParts;

  constructor(parts: StoredHintsParts) {
    this.#parts = parts;
  }

  async readAll(signal?: AbortSignal): Promise<AllSlots<HintsRead>> {
    const { place, keys, objects } = this.#parts;
    let annotations = await place.read(signal);
    for (let look = 1; ; look++) {
      const named = readSlots(keys, annotations);
      const all = await resolveSlots(keys, annotations, objects, signal);
      const doubtful = HINTS_SLOTS.some(
        (slot) => named[slot].kind === 'spilled' && all[slot].kind === 'corrupt',
      );
      if (!doubtful || look === MAX_LOOKS) return all;
      const now = await place.read(signal);
      if (HINTS_SLOTS.every((slot) => now[keys[slot]] === annotations[keys[slot]])) return all; // T3
      annotations = now;
    }
  }

  async write(
    { term, value, rotate }: Parameters<HintsSlots['write']>[0],
    signal?: AbortSignal,
  ): Promise<HintsForm> {
    const { clock, random, writer } = this.#parts;
    const fields = {
      term,
      writer: writerToken(writer, random),
      writtenAt: new Date(clock.wallMs()).toISOString(),
    };
    const formed = await formFor(value, fields);
    const commit = async (body: Body): Promise<HintsForm> => {
      await this.#commit({ ...fields, body, rotate }, signal);
      return body.kind;
    };
    if (formed.kind === 'object') return await commit(await this.#spill(term, value, signal));
    try {
      return await commit(formed);
    } catch (error) {
      if (!(error instanceof TooLargeError) || !this.#parts.objects) throw error;
      return await commit(await this.#spill(term, value, signal)); // T4
    }
  }

  /** T1, T2 */
  async #spill(term: number, value: Uint8Array, signal: AbortSignal | undefined): Promise<Body> {
    const { objects, place, keys } = this.#parts;
    const bytes = await packed(value);
    if (!objects) throw new TooLargeError('a hints value', bytes.length, HINTS_SLOT_BYTES);
    checkTerm(readSlots(keys, await place.read(signal)), term);
    const sha256 = sha256Hex(bytes);
    const object = await objects.put({ term, sha256, bytes }, signal);
    return { kind: 'object', pointer: { object, sha256, bytes: bytes.length } };
  }

  async #commit(hints: NewHints, signal: AbortSignal | undefined): Promise<void> {
    const { place, keys, objects } = this.#parts;
    const stored = await place.change((current) => {
      this.#tellDamage(current);
      return nextSlots(keys, current, hints);
    }, signal);
    const named = namedObjects(readSlots(keys, stored));
    if (named) await objects?.keep({ term: hints.term, named }, signal);
  }

  /** H3 */
  #tellDamage(current: Annotations): void {
    const { keys, log } = this.#parts;
    for (const [slot, read] of Object.entries(readSlots(keys, current))) {
      if (read.kind !== 'corrupt') continue;
      const digest = sha256Hex(utf8(current[keys[slot as HintsSlotName]] ?? ''));
      log.warn('a damaged hints slot is in the way of a new one', { slot, digest, error: read.error });
    }
  }
}
