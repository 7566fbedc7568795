/**
 * stored-hints: the hints slots where they are kept: in the annotations of an object, with large values in an object store beside them.
 *
 * T1  A large value is durable in the store before a slot names it, and is removed only after no slot names it: whenever a writer dies, every slot names
 *     what exists.
 * T2  Whoever may not write (H1), or cannot reach the slots, leaves no object behind: the slots are looked at before one is made.
 * T3  A pointer is resolved against the slots that are there now: an object that is gone means that the slot moved on, which is looked for, or damage,
 *     told as such (I12). A store that does not answer is neither, and is thrown.
 * T4  What several slots together leave no room for goes into the store too, although it fits the share of its slot.
 */
import {
  sha256Hex,
  silentLogger,
  systemClock,
  systemRandom,
  utf8,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import {
  AnnotatedObject,
  type Annotations,
  type ObjectAddress,
  type RetryParts,
} from './annotated-object.ts';
import { writerToken } from './annotations.ts';
import type { Body, ObjectPointer } from './envelope.ts';
import { CorruptError, TooLargeError } from './errors.ts';
import { formFor, HINTS_SLOT_BYTES, packed, unpackObject } from './hints-forms.ts';
import {
  checkTerm,
  HINTS_SLOTS,
  namedObjects,
  nextSlots,
  readSlots,
  slotTitle,
  type AllSlots,
  type HintsKeys,
  type HintsRead,
  type HintsSlotName,
  type SlotRead,
} from './hints-slots.ts';

/** Where large values are kept. */
export interface HintsObjects {
  /** Stores the bytes under a name of their own; durable when it resolves. @returns the key @throws when they are not, or nobody knows */
  put(
    object: { readonly term: number; readonly sha256: string; readonly bytes: Uint8Array },
    signal?: AbortSignal,
  ): Promise<string>;
  /** Undefined: there is no such object, or it is none of this log's hints. @throws when the store does not say */
  get(key: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /** The slots, as written by `term` a moment ago, name these; others may be removed. Never rejects. */
  keep(
    kept: { readonly term: number; readonly named: ReadonlySet<string> },
    signal?: AbortSignal,
  ): Promise<void>;
}

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

export interface HintsSlotsOptions extends ObjectAddress, RetryParts {
  /** The annotation of each slot. */
  readonly annotations: HintsKeys;
  /** Who writes, for people. */
  readonly writer: string;
  /** Without it a value that does not fit is refused. */
  readonly objects?: HintsObjects;
  readonly log?: Logger;
}

/** Hints in the annotations of a Kubernetes object. */
export function hintsSlots(options: HintsSlotsOptions): HintsSlots {
  const { annotations: keys, clock, random, writer, objects, log = silentLogger } = options;
  return new StoredHints({
    place: new AnnotatedObject(options, options),
    keys,
    clock,
    random,
    writer,
    objects,
    log,
  });
}

const MEMORY_KEYS: HintsKeys = { primary: 'primary', 'backup-0': 'backup-0', 'backup-1': 'backup-1' };

/** Annotations that end with the process. */
class MemoryPlace implements Place {
  annotations: Record<string, string> = {};

  read(): Promise<Annotations> {
    return Promise.resolve(this.annotations);
  }

  async change(decide: (current: Annotations) => Annotations): Promise<Annotations> {
    await Promise.resolve();
    this.annotations = { ...this.annotations, ...decide(this.annotations) };
    return this.annotations;
  }
}

export interface MemoryHintsSlots extends HintsSlots {
  /** What is stored; a test may change it. */
  annotations: Record<string, string>;
}

/** Hints that end with the process, by the same rules. */
export function memoryHintsSlots(objects?: HintsObjects): MemoryHintsSlots {
  const place = new MemoryPlace();
  const slots = new StoredHints({
    place,
    keys: MEMORY_KEYS,
    clock: systemClock,
    random: systemRandom,
    writer: 'memory',
    objects,
    log: silentLogger,
  });
  return {
    readAll: (signal) => slots.readAll(signal),
    write: (hints, signal) => slots.write(hints, signal),
    get annotations() {
      return place.annotations;
    },
    set annotations(annotations) {
      place.annotations = annotations;
    },
  };
}

/** The values of all slots of an object's annotations, as they were read a moment ago. @param objects undefined: large values count as damaged */
export async function resolveSlots(
  keys: HintsKeys,
  annotations: Annotations,
  objects: HintsObjects | undefined,
  signal?: AbortSignal,
): Promise<AllSlots<HintsRead>> {
  const slots = readSlots(keys, annotations);
  const [primary, newer, older] = await Promise.all(
    HINTS_SLOTS.map((slot) => resolve(slot, slots[slot], objects, signal)),
  );
  return { primary: primary!, 'backup-0': newer!, 'backup-1': older! };
}

async function resolve(
  slot: HintsSlotName,
  read: SlotRead,
  objects: HintsObjects | undefined,
  signal: AbortSignal | undefined,
): Promise<HintsRead> {
  if (read.kind !== 'spilled') return read;
  const { pointer, term, writtenAt } = read;
  const title = slotTitle(slot);
  try {
    if (!objects)
      throw new CorruptError(
        title,
        `its value is object ${pointer.object} of a store that is not known here`,
      );
    const value = await unpackObject(title, pointer, await objects.get(pointer.object, signal));
    return { kind: 'value', value, term, writtenAt };
  } catch (error) {
    if (error instanceof CorruptError) return { kind: 'corrupt', error };
    throw error;
  }
}

/** Where the annotations are. */
interface Place {
  read(signal?: AbortSignal): Promise<Annotations>;
  /** As AnnotatedObject.change. */
  change(decide: (current: Annotations) => Annotations, signal?: AbortSignal): Promise<Annotations>;
}

interface StoredHintsParts {
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

class StoredHints implements HintsSlots {
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
    return { kind: 'object', pointer: { object, sha256, bytes: bytes.length } satisfies ObjectPointer };
  }

  async #commit(hints: Parameters<typeof nextSlots>[2], signal: AbortSignal | undefined): Promise<void> {
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
