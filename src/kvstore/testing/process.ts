/**
 * One replica of the key-value service in this process (service/testing/process.ts).
 */
import { type PlainLog } from '../../recoverylog/testing/index.ts';
import { ServiceProcess } from '../../service/testing/index.ts';
import { kvApplication, type KvApplicationOptions } from '../application.ts';
import { type Answer, type Query } from '../engine/types.ts';

export type ReplicaProcess = ServiceProcess<Query, Answer>;

export const ReplicaProcess = {
  /** Starts as a standby; resolves when it has played the log to its end. */
  start: (log: PlainLog, dir: string, options: KvApplicationOptions = {}): Promise<ReplicaProcess> =>
    ServiceProcess.start(log, dir, kvApplication({ recordedDir: dir, ...options })),
} as const;
