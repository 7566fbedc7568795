/**
 * hints-places: hints slots in the annotations of a Kubernetes object, and in memory for tests and single processes; by the same rules (stored-hints.ts).
 */
import { silentLogger, systemClock, systemRandom, type Logger } from '../base/index.ts';
import {
  AnnotatedObject,
  type Annotations,
  type ObjectAddress,
  type RetryParts,
} from './annotated-object.ts';
import type { HintsKeys } from './hints-slots.ts';
import type { HintsObjects } from './resolve-hints.ts';
import { StoredHints, type HintsSlots, type Place } from './stored-hints.ts';

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
