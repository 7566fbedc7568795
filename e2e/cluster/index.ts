/**
 * e2e/cluster: real servers on this machine with switches for faults. Everything a scenario, the demo or a bench needs.
 */
export { ApiClient, ApiStatusError, hasStatus, type ApiAccess, type WatchEvent } from './api-client.ts';
export { slowDisk, smallDisk, type Disk } from './disks.ts';
export { HarnessError } from './errors.ts';
export { type ImageMap, type ProcessImage } from './images.ts';
export { type Condition, type ContainerStatus, type KubeObject, type Lease, type Pod } from './kube-types.ts';
export { Lifeline } from './lifeline.ts';
export { freePort, isFree } from './ports.ts';
export { startPostgres, type PostgresServer } from './postgres-server.ts';
export { startCluster, type ClusterOptions } from './process-cluster.ts';
export { resetSocket } from './reset-socket.ts';
export { startS3Server, type S3Server, type S3ServerOptions } from './s3-server.ts';
export {
  type Cluster,
  type ClusterNode,
  type ExecResult,
  type Link,
  type PodPlacement,
  type ServerSwitch,
  type TrafficClass,
} from './types.ts';
