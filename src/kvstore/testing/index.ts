/**
 * kvstore/testing: the machine without its service, replicas of the service in this process, and masters of read replicas on loopback.
 */
export { MemoryEngine } from '../engine/memory-engine.ts';
export { type Answer as KvAnswer, type Query as KvQuery } from '../engine/types.ts';
export { Master } from './master.ts';
export { ReplicaProcess } from './process.ts';
export { closeReplicas, startReplica, until, type ReplicaRig } from './replica-rig.ts';
export { bulkOf, operationToBytes, outcomesFromBytes, type BulkOperation } from '../http/bulk-bytes.ts';
