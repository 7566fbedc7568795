/**
 * The agent's one explicit state, its legal moves, and what a heartbeat line says of it.
 *
 * S1  starting -> restoring -> tailing -> promoting -> serving; from any of them to stopped, and nothing leaves stopped. A restore may begin anew, from other
 *     hints.
 * S2  A variant owns what belongs to it; nothing about a state is kept outside its variant.
 */
import type { ExitCode } from '../api/index.ts';
import { assert, type HoldfastError } from '../base/index.ts';
import type { Session } from '../journal/index.ts';
import type { Player } from '../recoverylog/index.ts';

export interface AgentExit {
  readonly code: ExitCode;
  /** CamelCase, stable: conditions and events carry it. */
  readonly reason: string;
  readonly message: string;
  /** The right to append was given back on purpose: a successor need not wait. */
  readonly released: boolean;
  readonly error?: HoldfastError | undefined;
}

export interface HandoffTimes {
  readonly term: number;
  /** Order seen to fence committed, ms. */
  readonly fenceMs: number;
  /** Fence committed to directory live, ms. */
  readonly replayMs: number;
  /** Directory live to application serving, ms. */
  readonly openMs: number;
}

export type AgentState =
  /** `problem`: what keeps it from beginning. */
  | { readonly kind: 'starting'; readonly problem?: string }
  | { readonly kind: 'restoring'; readonly player: Player }
  | { readonly kind: 'tailing'; readonly player: Player }
  | { readonly kind: 'promoting'; readonly player: Player; readonly term: number }
  | {
      readonly kind: 'serving';
      readonly term: number;
      readonly session: Session;
      readonly player: Player;
      readonly times: HandoffTimes;
    }
  | { readonly kind: 'stopped'; readonly exit: AgentExit };

const NEXT: Readonly<Record<AgentState['kind'], readonly AgentState['kind'][]>> = {
  starting: ['starting', 'restoring', 'stopped'],
  restoring: ['restoring', 'tailing', 'stopped'],
  tailing: ['promoting', 'stopped'],
  promoting: ['serving', 'stopped'],
  serving: ['stopped'],
  stopped: [],
};

/** @throws InvariantError on a move that S1 does not allow. */
export function checkMove(from: AgentState, to: AgentState): void {
  assert(NEXT[from.kind].includes(to.kind), 'S1: the agent moves only forward', {
    from: from.kind,
    to: to.kind,
  });
}

/** Ready for traffic: it can answer something from its state (standbys answer stale reads). */
export function isReady(state: AgentState): boolean {
  return state.kind === 'tailing' || state.kind === 'promoting' || state.kind === 'serving';
}
