/**
 * persistence: small state that outlives a process, compared and committed: in memory, in a table of an SQL database, in the annotations of a
 * Kubernetes object.
 */
export { MAX_ANNOTATION_BYTES } from './annotated-object.ts';
export { annotationStore, type AnnotationStoreOptions } from './annotations.ts';
export {
  ConflictError,
  CorruptError,
  ForbiddenError,
  HintsStaleTermError,
  PersistenceError,
  RefusedError,
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
export { MYSQL, POSTGRES, SQLITE, type SqlDialect, type SqlFault } from './sql-dialect.ts';
export {
  openSqlite,
  postgresDriver,
  sqliteDriver,
  type PgQueryable,
  type SqlDriver,
  type SqliteFile,
  type SqlRow,
  type SqlValue,
} from './sql-driver.ts';
export { MAX_SQL_VALUE_BYTES, sqlStore, type SqlStoreOptions } from './sql-store.ts';
export type { HintsForm, HintsSlots } from './stored-hints.ts';
export type { LogStatePersistence, ReadOps, RevisionStore, StoredState, WriteOps } from './types.ts';
