/** operator/kube: the runtime's ports over the Kubernetes client. */
export { leaseStore, type LeaseRef } from './lease-store.ts';
export { listWatch } from './list-watch.ts';
