/**
 * hints-slots: where the hints of a log are kept: the present ones and two older ones (gazette.md §5; seeds.md F5.9, F5.10).
 *
 * H1  Hints of an earlier term never replace those of a later one (DESIGN I6).
 * H2  The older ones move in the same commit in which new ones come in: no moment without a readable slot.
 * H3  A slot that cannot be read is told as corrupt, never as absent (I12). It does not keep a healthy primary from writing; what is replaced is
 *     named in the log by its digest, and is not carried on into a backup.
 */
import { createHash } from 'node:crypto';
import { silentLogger, type Logger } from '../base/index.ts';
import {
  AnnotatedObject,
  type Annotations,
  type ObjectAddress,
  type RetryParts,
} from './annotated-object.ts';
import { writerToken } from './annotations.ts';
import { decodeEnvelope, encodeEnvelope, type Envelope } from './envelope.ts';
import { CorruptError, HintsStaleTermError } from './errors.ts';

/** From the newest to the oldest. */
export const HINTS_SLOTS = ['primary', 'backup-0', 'backup-1'] as const;
export type HintsSlotName = (typeof HINTS_SLOTS)[number];

export type HintsRead =
  | { readonly kind: 'value'; readonly value: Uint8Array; readonly term: number; readonly writtenAt: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'corrupt'; readonly error: CorruptError };

export interface HintsSlots {
  /** @throws UnavailableError, ForbiddenError */
  readAll(signal?: AbortSignal): Promise<Readonly<Record<HintsSlotName, HintsRead>>>;
  /**
   * Replaces the primary slot; with `rotate` the older ones move back by one (H2).
   * @throws HintsStaleTermError (H1), TooLargeError, UnavailableError, ForbiddenError
   */
  write(
    hints: { readonly term: number; readonly value: Uint8Array; readonly rotate: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
}

export type HintsKeys = Readonly<Record<HintsSlotName, string>>;

export interface HintsSlotsOptions extends ObjectAddress, RetryParts {
  /** The annotation of each slot. */
  readonly annotations: HintsKeys;
  /** Who writes, for people. */
  readonly writer: string;
  readonly log?: Logger;
}

/** Hints in the annotations of an object. */
export function hintsSlots(options: HintsSlotsOptions): HintsSlots {
  const object = new AnnotatedObject(options, options);
  const { annotations: keys, clock, random, writer, log = silentLogger } = options;
  return {
    readAll: async (signal) => readSlots(keys, await object.read(signal)),
    write: async ({ term, value, rotate }, signal) => {
      const token = writerToken(writer, random);
      const writtenAt = new Date(clock.wallMs()).toISOString();
      await object.change((current) => {
        for (const [slot, read] of Object.entries(readSlots(keys, current)))
          if (read.kind === 'corrupt') {
            const digest = createHash('sha256')
              .update(current[keys[slot as HintsSlotName]] ?? '')
              .digest('hex');
            log.warn('a damaged hints slot is in the way of a new one', { slot, digest, error: read.error });
          }
        return nextSlots(keys, current, { term, value, rotate, writer: token, writtenAt });
      }, signal);
    },
  };
}

/** Every slot of an object's annotations. Pure, so that the operator can read them off its cache. */
export function readSlots(
  keys: HintsKeys,
  annotations: Annotations,
): Readonly<Record<HintsSlotName, HintsRead>> {
  const read = (slot: HintsSlotName): HintsRead => {
    const encoded = annotations[keys[slot]];
    if (encoded === undefined) return { kind: 'absent' };
    try {
      const { value, term, writtenAt } = decodeEnvelope(`hints slot ${slot}`, encoded);
      return { kind: 'value', value, term, writtenAt };
    } catch (error) {
      if (error instanceof CorruptError) return { kind: 'corrupt', error };
      throw error;
    }
  };
  return { primary: read('primary'), 'backup-0': read('backup-0'), 'backup-1': read('backup-1') };
}

interface NewHints extends Omit<Envelope, 'revision'> {
  readonly rotate: boolean;
}

/** The annotations to set. @throws HintsStaleTermError (H1) */
export function nextSlots(
  keys: HintsKeys,
  current: Annotations,
  { rotate, ...hints }: NewHints,
): Annotations {
  const slots = readSlots(keys, current);
  const latest = Math.max(0, ...Object.values(slots).map((slot) => (slot.kind === 'value' ? slot.term : 0)));
  if (hints.term < latest) throw new HintsStaleTermError(hints.term, latest);
  const stored = current[keys.primary];
  const revision = slots.primary.kind === 'value' ? decodeEnvelope('hints', stored!).revision + 1 : 1;
  const next: Record<string, string> = { [keys.primary]: encodeEnvelope({ ...hints, revision }) };
  if (!rotate || slots.primary.kind !== 'value') return next; // H3
  next[keys['backup-0']] = stored!;
  if (slots['backup-0'].kind === 'value') next[keys['backup-1']] = current[keys['backup-0']]!;
  return next;
}

const MEMORY_KEYS: HintsKeys = { primary: 'primary', 'backup-0': 'backup-0', 'backup-1': 'backup-1' };

/** Hints that end with the process, by the same rules. `annotations` shows and lets a test change what is stored. */
export function memoryHintsSlots(): HintsSlots & { annotations: Record<string, string> } {
  const slots = {
    annotations: {} as Record<string, string>,
    readAll: () => Promise.resolve(readSlots(MEMORY_KEYS, slots.annotations)),
    write: (hints: { readonly term: number; readonly value: Uint8Array; readonly rotate: boolean }) => {
      try {
        const next = nextSlots(MEMORY_KEYS, slots.annotations, { ...hints, writer: 'memory', writtenAt: '' });
        slots.annotations = { ...slots.annotations, ...next };
        return Promise.resolve();
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
  return slots;
}
