/**
 * service: any state machine as a replicated service in an agent.
 *
 * machineApplication is what an agent hosts: it follows, takes over, drains and ends with the replica, and gives the service's own code, its HTTP
 * routes for instance, one interface in every role. The key-value service is a use of it, and so are users' services (src/sdk).
 */
export {
  machineApplication,
  ServiceApplication,
  type MachineApplicationOptions,
  type ServiceApplicationOptions,
  type ServicePrimary,
} from './application.ts';
export { ServiceError, SERVICE_ERROR_STATUS, type ServiceErrorCode } from './errors.ts';
export { listenHttp } from './http-listener.ts';
export { consistencyOf, httpService, identityOf, type Routes } from './http-service.ts';
export type {
  FollowedReplica,
  OpenPrimary,
  PrimaryReplica,
  ProposalIdentity,
  ReplicaFactory,
} from './replica.ts';
export type {
  Consistency,
  Listener,
  ReadResult,
  RoleName,
  Serve,
  Service,
  ServiceContext,
  ServiceStatus,
} from './service.ts';
