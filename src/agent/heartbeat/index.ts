/**
 * agent/heartbeat: the second door of the agent room, for whoever listens to heartbeats: the operator and the peers.
 */
export {
  HeartbeatClient,
  type HeartbeatClientOptions,
  type HeartbeatConnection,
  type HeartbeatView,
} from './client.ts';
