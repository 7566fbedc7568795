/**
 * The hints in the annotations of a RecoveryLog, as far as the operator reads them: which of them cannot be read, and which term they know.
 */
import { ANNOTATIONS } from '../../src/api/index.ts';
import { HINTS_SLOTS, readSlots, type HintsKeys } from '../../src/persistence/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';

const KEYS: HintsKeys = {
  primary: ANNOTATIONS.hintsPrimary,
  'backup-0': ANNOTATIONS.hintsBackup0,
  'backup-1': ANNOTATIONS.hintsBackup1,
};

export interface BrokenHints {
  readonly annotation: string;
  readonly problem: string;
}

export interface HintsView {
  /** Some annotation is there, readable or not. */
  readonly present: boolean;
  /** Corrupt hints are an error, never "no hints" (I12). */
  readonly broken: readonly BrokenHints[];
  /** Highest term in readable hints; 0 for none. */
  readonly term: number;
}

/** What the annotations of a log say. */
export function readHints(log: KubeObject): HintsView {
  const slots = readSlots(KEYS, log.metadata.annotations ?? {});
  const broken: BrokenHints[] = [];
  let present = false;
  let term = 0;
  for (const name of HINTS_SLOTS) {
    const slot = slots[name];
    present ||= slot.kind !== 'absent';
    if ('term' in slot) term = Math.max(term, slot.term);
    if (slot.kind === 'corrupt') broken.push({ annotation: KEYS[name], problem: slot.error.message });
  }
  return { present, broken, term };
}

/** The annotations themselves, for telling whether they changed. */
export function rawHints(log: KubeObject): Readonly<Record<string, string | undefined>> {
  const annotations = log.metadata.annotations ?? {};
  return Object.fromEntries(Object.values(KEYS).map((key) => [key, annotations[key]]));
}
