/**
 * agent: the process in a shard's pod, host of any application.
 */
export type { Application, ApplicationContext, PrimaryContext } from './application.ts';
export { hintsObjects, type HintsObjectsOptions } from './hints-objects.ts';
export { runAgent, type AgentParts } from './life.ts';
export { needsOfRecoveryLog, unionOf, type LogNeeds, type NamedEvidence } from './log-needs.ts';
export { startAgent, type StartOptions } from './start.ts';
export type { AgentConfig } from './config.ts';
export type { AgentExit } from './state.ts';
