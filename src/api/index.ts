/**
 * api: the kinds and the words that operator, agents and people share. Schemas first: types, defaults, CRDs and checks come from them.
 */
export { setCondition, type ConditionNews } from './conditions.ts';
export { renderCrds, type RenderedCrd } from './crd.ts';
export { parseHeartbeatLine, type HeartbeatLine } from './heartbeat.ts';
export { lastWords, readLastWords, type LastWords } from './last-words.ts';
export {
  ANNOTATIONS,
  EXIT,
  GROUP,
  GROUP_VERSION,
  KINDS,
  LABELS,
  PORTS,
  VERSION,
  type ExitCode,
  type KindNames,
} from './names.ts';
export {
  InvalidObjectError,
  parseJournalStore,
  parseRecoveryLog,
  parseShard,
  pinsOf,
  type Assignment,
  type Condition,
  type Handoff,
  type JournalStore,
  type RecoveryLog,
  type ReplicaStatus,
  type Shard,
} from './objects.ts';
