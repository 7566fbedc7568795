/** kvstore/testing: the machine without its service, and replicas of the service in this process. */
export { MemoryEngine } from '../engine/memory-engine.ts';
export { type Answer as KvAnswer, type Query as KvQuery } from '../engine/types.ts';
export { ReplicaProcess } from './process.ts';
