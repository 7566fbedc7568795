/**
 * stateio/testing: a file in memory that can be cut, flipped and made to fail; a disk that loses power; the golden files; restore as plain text.
 */
export { CrashDisk, type Survives } from './crash-disk.ts';
export { MemoryStateFile } from './memory-file.ts';
export { readAll, type RestoredText } from './read-all.ts';
export * as vectors from './vectors.ts';
