/**
 * recoverylog/testing: logs on an in-memory store and real directories, for tests of this room and of those above it.
 */
export { scriptedDisk, systemError, type DiskFate, type ScriptedDisk } from './scripted-disk.ts';
export { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from './test-log.ts';
