/**
 * persistence: small state that outlives a process, compared and committed: in memory, in the annotations of a Kubernetes object.
 */
export { MAX_ANNOTATION_BYTES } from './annotated-object.ts';
export { annotationStore, type AnnotationStoreOptions } from './annotations.ts';
export {
  ConflictError,
  CorruptError,
  ForbiddenError,
  HintsStaleTermError,
  PersistenceError,
  TooLargeError,
  UnavailableError,
  UsageError,
} from './errors.ts';
export { HINTS_SLOT_BYTES, MAX_HINTS_BYTES } from './hints-forms.ts';
export {
  hintsSlots,
  memoryHintsSlots,
  type HintsSlotsOptions,
  type MemoryHintsSlots,
} from './hints-places.ts';
export {
  HINTS_SLOTS,
  readSlots,
  type AllSlots,
  type HintsKeys,
  type HintsRead,
  type HintsSlotName,
  type SlotRead,
} from './hints-slots.ts';
export { memoryStore } from './memory.ts';
export { logStatePersistence, updateState, type UpdateOptions } from './persistence.ts';
export { resolveSlots, type HintsObjects } from './resolve-hints.ts';
export type { HintsForm, HintsSlots } from './stored-hints.ts';
export type { LogStatePersistence, ReadOps, RevisionStore, StoredState, WriteOps } from './types.ts';
