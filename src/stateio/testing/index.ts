/**
 * stateio/testing: a file in memory that can be cut, flipped and made to fail; the golden files; restore as plain text.
 */
export { MemoryStateFile } from './memory-file.ts';
export { readAll, type RestoredText } from './read-all.ts';
export * as vectors from './vectors.ts';
