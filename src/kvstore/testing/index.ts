/**
 * kvstore/testing: servers and read replicas on loopback, for tests of whoever uses the key-value service.
 */
export { Master } from './master.ts';
export { until } from './replica-rig.ts';
