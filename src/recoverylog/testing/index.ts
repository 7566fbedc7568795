/**
 * recoverylog/testing: logs on an in-memory store and real directories, for tests of this room and of those above it.
 */
export { faultyFs, type DiskFault, type FaultyFs } from './faulty-fs.ts';
export { codeOf, logHolding, newLog, play, takeOver, treeOf, withTempDir, type TestLog } from './test-log.ts';
export { opsLog, workloadLog, type Workload } from './workload-log.ts';
export { naivePlay } from './naive-play.ts';
