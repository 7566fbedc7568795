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
export {
  HINTS_SLOTS,
  hintsSlots,
  memoryHintsSlots,
  readSlots,
  type HintsKeys,
  type HintsRead,
  type HintsSlotName,
  type HintsSlots,
  type HintsSlotsOptions,
} from './hints-slots.ts';
export { memoryStore } from './memory.ts';
export { logStatePersistence, updateState, type UpdateOptions } from './persistence.ts';
export type { LogStatePersistence, ReadOps, RevisionStore, StoredState, WriteOps } from './types.ts';
