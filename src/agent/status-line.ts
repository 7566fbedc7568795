/**
 * What a heartbeat line says of the agent: a pure function of its state.
 */
import type { HeartbeatLine } from '../api/index.ts';
import { errorCode } from '../base/index.ts';
import type { Player } from '../recoverylog/index.ts';
import type { AgentConfig } from './config.ts';
import { codeOf, type RestoreReport } from './restore.ts';
import type { AgentState, HandoffTimes } from './state.ts';

export interface LineInputs {
  readonly config: AgentConfig;
  readonly state: AgentState;
  /** Last term that this process acted on; 0 for none. */
  readonly term: number;
  readonly peers: HeartbeatLine['peers'];
  readonly uptimeMs: number;
  readonly eventLoopLagMs: number;
  /** Offsets as last known in an earlier state, for one that has none of its own. */
  readonly last: { readonly appliedOffset: number; readonly headOffset: number };
  /** Of the last promotion. */
  readonly times: HandoffTimes | undefined;
  /** Of the restore that is under way or has been. */
  readonly restored: RestoreReport | undefined;
}

export function statusLine(inputs: LineInputs): HeartbeatLine {
  const { config, state, term, peers, uptimeMs, eventLoopLagMs, times, restored } = inputs;
  const reason = reasonOf(state);
  return {
    v: 1,
    pod: config.pod.name,
    uid: config.pod.uid,
    shard: config.shard,
    namespace: config.pod.namespace,
    state: state.kind,
    term,
    ...offsetsOf(inputs),
    peers,
    uptimeMs: Math.round(uptimeMs),
    eventLoopLagMs,
    ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON) }),
    ...(state.kind === 'restoring' ? { restore: restoreOf(state.player) } : {}),
    ...(restored ? { hints: hintsOf(restored) } : {}),
    ...(times ? { handoff: rounded(times) } : {}),
    ...(state.kind === 'stopped' && state.exit.released ? { released: true } : {}),
  };
}

/** Longest problem of one hints slot on a line, characters; the wire allows twice as many. */
const MAX_PROBLEM = 512;

function hintsOf({ from, passedOver }: RestoreReport): NonNullable<HeartbeatLine['hints']> {
  return {
    from,
    passedOver: passedOver.map(({ from: other, error }) => ({
      from: other,
      code: codeOf(error),
      problem: error.message.slice(0, MAX_PROBLEM),
    })),
  };
}

/** Longest reason on a line, characters; the wire allows twice as many. */
const MAX_REASON = 1024;

/** Offsets of the log: how far it has been applied here, and its end as last known. */
export function offsetsOf({ state, last }: Pick<LineInputs, 'state' | 'last'>): LineInputs['last'] {
  switch (state.kind) {
    case 'serving':
      return { appliedOffset: state.session.head, headOffset: state.session.head };
    case 'restoring':
    case 'tailing':
    case 'promoting': {
      const { appliedOffset, headOffset } = state.player.progress;
      return { appliedOffset, headOffset };
    }
    case 'starting':
    case 'stopped':
      return last;
    default:
      return state satisfies never;
  }
}

function reasonOf(state: AgentState): string | undefined {
  switch (state.kind) {
    case 'starting':
      return state.problem;
    case 'restoring':
    case 'tailing':
      return (
        state.player.problem &&
        `${errorCode(state.player.problem) ?? 'PROBLEM'}: ${state.player.problem.message}`
      );
    case 'stopped':
      return `${state.exit.reason}: ${state.exit.message}`;
    case 'promoting':
    case 'serving':
      return undefined;
    default:
      return state satisfies never;
  }
}

function restoreOf(player: Player): NonNullable<HeartbeatLine['restore']> {
  const { bytesDone, bytesTotal, bytesPerSecond, etaSeconds } = player.progress;
  return {
    bytesDone,
    bytesTotal,
    bytesPerSecond: Math.round(bytesPerSecond),
    ...(etaSeconds === undefined ? {} : { etaSeconds: Math.ceil(etaSeconds) }),
  };
}

function rounded({ term, fenceMs, replayMs, openMs }: HandoffTimes): HandoffTimes {
  return {
    term,
    fenceMs: Math.round(fenceMs),
    replayMs: Math.round(replayMs),
    openMs: Math.round(openMs),
  };
}
