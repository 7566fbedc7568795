/**
 * kube: the API server behind a small client. The only room that knows @kubernetes/client-node.
 */
export { connectKube, type ConnectOptions } from './connect.ts';
export { isKubeError, KubeError, type KubeErrorCode } from './errors.ts';
export { RESOURCES } from './resources.ts';
export type {
  CallOptions,
  DeleteOptions,
  JsonPatch,
  KubeClient,
  KubeManifest,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectMeta,
  ObjectRef,
  OwnerReference,
  Resource,
  Selection,
  WatchEnded,
  WatchNews,
  WatchOptions,
  WriteOptions,
} from './types.ts';
