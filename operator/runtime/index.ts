/**
 * operator/runtime: our controller runtime. It knows no kinds; controllers bring a source of objects and a reconcile function.
 */
export {
  ObjectCache,
  type CacheOptions,
  type Change,
  type ChangeHandler,
  type IndexFunction,
} from './cache.ts';
export {
  Controller,
  DrainTimeoutError,
  TerminalReconcileError,
  type ControllerOptions,
  type LeaderSignals,
  type Reconcile,
  type ReconcileContext,
  type ReconcileResult,
} from './controller.ts';
export {
  checkElectionTiming,
  ELECTION_TIMING,
  ElectionTimingError,
  type ElectionTiming,
} from './election-timing.ts';
export { LeaderElector, LeaseLostError, type ElectionEnd, type ElectorOptions } from './elector.ts';
export { EventLoopMonitor, type LoopReport } from './event-loop.ts';
export { Expectations } from './expectations.ts';
export { liveRead, type LiveRead } from './live-read.ts';
export {
  EndedEarlyError,
  Manager,
  type CacheRunner,
  type ElectedRunnable,
  type Health,
  type ManagerEnd,
  type ManagerOptions,
  type Runnable,
} from './manager.ts';
export {
  objectKey,
  splitKey,
  type KubeObject,
  type LeaseRecord,
  type LeaseStore,
  type LeaseWrite,
  type ListedPage,
  type ListRequest,
  type ListWatch,
  type ObjectMeta,
  type ObservedLease,
  type WatchEnded,
  type WatchNews,
  type WatchRequest,
} from './ports.ts';
export { Reflector, type ReflectorOptions, type ReflectorState } from './reflector.ts';
export { hasReached } from './resource-version.ts';
export { RECONCILE_BACKOFF, WorkQueue, type Lane, type Work, type WorkQueueOptions } from './work-queue.ts';
