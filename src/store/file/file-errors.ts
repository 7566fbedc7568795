/**
 * What a failed system call means for the file store, as a table.
 */
import { ensureError, errorCode } from '../../base/index.ts';
import { StoreError, type StoreErrorCode } from '../errors.ts';

interface Meaning {
  readonly code: StoreErrorCode;
  readonly retryable: boolean;
  readonly say: string;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: { code: 'STORE_FULL', retryable: false, say: 'The disk is full; free space or enlarge it' },
  EDQUOT: { code: 'STORE_FULL', retryable: false, say: 'The disk quota is used up; free space or raise it' },
  EFBIG: {
    code: 'STORE_BAD_REQUEST',
    retryable: false,
    say: 'The object is larger than this file system takes',
  },
  EACCES: {
    code: 'STORE_DENIED',
    retryable: false,
    say: 'This process may not use the directory; mend its permissions',
  },
  EPERM: {
    code: 'STORE_DENIED',
    retryable: false,
    say: 'This process may not use the directory; mend its permissions',
  },
  EROFS: {
    code: 'STORE_DENIED',
    retryable: false,
    say: 'The file system is mounted read-only; mount it writable',
  },
  ENOTDIR: {
    code: 'STORE_BAD_REQUEST',
    retryable: false,
    say: 'A part of the path is a file; a key cannot continue below another key',
  },
  EISDIR: {
    code: 'STORE_BAD_REQUEST',
    retryable: false,
    say: 'The path is a directory; a key cannot end where other keys continue',
  },
  ENAMETOOLONG: {
    code: 'STORE_BAD_REQUEST',
    retryable: false,
    say: 'The path is longer than this system takes',
  },
  EMLINK: { code: 'STORE_UNSUPPORTED', retryable: false, say: 'The file system allows no more hard links' },
  ENOTSUP: {
    code: 'STORE_UNSUPPORTED',
    retryable: false,
    say: 'The file system has no hard links; use another one',
  },
  EOPNOTSUPP: {
    code: 'STORE_UNSUPPORTED',
    retryable: false,
    say: 'The file system has no hard links; use another one',
  },
  EXDEV: {
    code: 'STORE_UNSUPPORTED',
    retryable: false,
    say: 'A directory inside the store is a mount of its own; a store must be one file system',
  },
  EMFILE: { code: 'STORE_THROTTLED', retryable: true, say: 'This process has too many open files' },
  ENFILE: { code: 'STORE_THROTTLED', retryable: true, say: 'This machine has too many open files' },
};

const UNKNOWN: Meaning = { code: 'STORE_SERVER_ERROR', retryable: true, say: 'The file system failed' };

/** The StoreError for what a system call threw. A StoreError passes through unchanged. */
export function fileError(thrown: unknown, operation: string, path: string): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const systemCode = errorCode(thrown);
  const meaning = (systemCode === undefined ? undefined : MEANINGS[systemCode]) ?? UNKNOWN;
  return new StoreError(
    meaning.code,
    `${meaning.say} (${operation} at ${path}: ${ensureError(thrown).message}).`,
    {
      retryable: meaning.retryable,
      fields: { operation, path, systemCode },
      cause: thrown,
    },
  );
}

/** The directory of the store is not there; creating it would hide a missing mount behind an empty store. */
export function noRootError(root: string): StoreError {
  return new StoreError(
    'STORE_NO_BUCKET',
    `The store's directory ${root} does not exist; create it, or mount what belongs there.`,
    { retryable: false, fields: { path: root } },
  );
}

/** The name is a directory: other keys go on below it, and a directory cannot be an object as well. */
export function belowError(path: string): StoreError {
  return new StoreError(
    'STORE_BAD_REQUEST',
    `Other keys go on below ${path}, so that it cannot be a key itself; choose another one.`,
    { retryable: false, fields: { path } },
  );
}
