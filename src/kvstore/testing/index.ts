/** kvstore/testing: the machine without its service, and replicas of the service in this process. */
import { type KvMachine } from '../machine.ts';

export { KvMachine } from '../machine.ts';
export { ReplicaProcess } from './process.ts';
export type KvQuery = Parameters<KvMachine['lookup']>[0];
export type KvAnswer = ReturnType<KvMachine['lookup']>;
