/**
 * agent: the process in a shard's pod, host of any application.
 *
 * Here so far: its configuration, its states, what an assignment orders, how a life ends, heartbeats in both directions, the read-only HTTP
 * side. The life that joins them comes with the Kubernetes room.
 */
export type { Application, ApplicationContext, ApplicationStatus, PrimaryContext } from './application.ts';
export { agentConfig, ConfigError, type AgentConfig } from './config.ts';
export { HEARTBEAT_PERIOD_MS, HeartbeatHub } from './heartbeat-hub.ts';
export { startAgentHttp, type AgentHttpOptions } from './http.ts';
export { orderFor, type Order, type Standing } from './orders.ts';
export { exitFor, released } from './outcome.ts';
export { Peers, type PeersOptions } from './peers.ts';
export { checkMove, isReady, type AgentExit, type AgentState, type HandoffTimes } from './state.ts';
