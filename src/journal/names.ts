/**
 * Where a journal's objects are (s3log.md §6.1). Slots live beside the fragments' tree, so that a Gazette reader of the store meets
 * no name that it cannot parse.
 */
import type { ObjectStore } from '../store/index.ts';
import { JournalNameError } from './errors.ts';

/** A journal: a byte stream with a name and, for each life of that name, a generation (hazard H20). */
export interface Journal {
  readonly store: ObjectStore;
  /** 4-512 characters of letters, digits and -_+/. without empty, `.` or `..` parts, as Gazette names journals. */
  readonly name: string;
  /** UID of the owning object, or any other id that is never used again. */
  readonly generation: string;
}

const NAME = /^[\p{L}\p{N}_+.-]+(?:\/[\p{L}\p{N}_+.-]+)*$/u;
const GENERATION = /^[A-Za-z0-9-]{1,64}$/;

/** Whether a journal may be called so. */
export function isJournalName(name: string): boolean {
  const parts = name.split('/');
  return (
    name.length >= 4 && name.length <= 512 && NAME.test(name) && !parts.includes('.') && !parts.includes('..')
  );
}

/** Checks name and generation. @throws JournalNameError */
export function checkJournal(journal: Journal): Journal {
  const { name, generation } = journal;
  if (!isJournalName(name)) throw new JournalNameError('name', name);
  if (!GENERATION.test(generation)) throw new JournalNameError('generation', generation);
  return journal;
}

/** Prefix of all slot keys. */
export function slotPrefix(journal: Journal): string {
  return `${generationPrefix(journal)}log/`;
}

/** Prefix of everything of this generation but its fragments: slots, indexes, and hints that are too large for elsewhere. */
export function generationPrefix(journal: Journal): string {
  return `_slots/${journal.name}/${journal.generation}/`;
}

/** Key of slot `seq`: 16 hex digits, so that byte order is number order. */
export function slotKey(journal: Journal, seq: number): string {
  return `${slotPrefix(journal)}${seq.toString(16).padStart(16, '0')}`;
}

/** The slot number of a key under slotPrefix; undefined for a stranger's key, among them numbers that no session ever reaches. */
export function slotSeq(journal: Journal, key: string): number | undefined {
  const prefix = slotPrefix(journal);
  const digits = key.startsWith(prefix) ? key.slice(prefix.length) : '';
  if (!/^[0-9a-f]{16}$/.test(digits)) return undefined;
  const seq = Number.parseInt(digits, 16);
  return Number.isSafeInteger(seq) ? seq : undefined; // beyond, seq - 1 may be seq
}

/** Key of a compaction index that is too large for a CHECKPOINT slot; named by the digest of its bytes. */
export function indexKey(journal: Journal, sha1: string): string {
  return `${generationPrefix(journal)}index/${sha1}`;
}

/** The digest of a key under indexKey's prefix; undefined for any other key. */
export function indexDigest(journal: Journal, key: string): string | undefined {
  const prefix = indexKey(journal, '');
  const digest = key.startsWith(prefix) ? key.slice(prefix.length) : '';
  return /^[0-9a-f]{40}$/.test(digest) ? digest : undefined;
}

/** Prefix of hints that are kept beside the log. The journal makes none of them: it only knows that they are no strangers, and deletes them with itself. */
export function hintsPrefix(journal: Journal): string {
  return `${generationPrefix(journal)}hints/`;
}

/** Key of hints that a writer of `term` stored, by the SHA-256 of the object: names of two terms are never the same. */
export function hintsKey(journal: Journal, term: number, sha256: string): string {
  return `${hintsPrefix(journal)}${term.toString(16).padStart(16, '0')}-${sha256}`;
}

/** The term in a key of hintsKey; undefined for any other key. */
export function hintsTerm(journal: Journal, key: string): number | undefined {
  const prefix = hintsPrefix(journal);
  const name = key.startsWith(prefix) ? key.slice(prefix.length) : '';
  const [, digits] = /^([0-9a-f]{16})-[0-9a-f]{64}$/.exec(name) ?? [];
  const term = digits === undefined ? undefined : Number.parseInt(digits, 16);
  return term !== undefined && Number.isSafeInteger(term) ? term : undefined;
}
