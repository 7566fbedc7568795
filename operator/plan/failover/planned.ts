/**
 * Handoffs of a healthy primary: a user's switchover request, and a drain of its node.
 *
 * H1  Only a caught-up candidate is taken: the old primary serves until there is one.
 * H2  A request is answered once and for all: accepted, refused with the reason, or done already. It waits only for catching up.
 * H3  A drain (cordoned node) moves the primary to a node that is not being drained, or leaves it where it is and says what is missing.
 */
import { nodeOf } from '../sight.ts';
import type { AssignmentView, ShardView } from '../types.ts';
import {
  bestCandidate,
  describeRefusals,
  PLANNED_LAG_BYTES,
  rankCandidates,
  type Candidate,
  type Refusal,
} from './candidates.ts';
import type { Evidence, FailoverDecision, PromoteReason, RequestAnswer } from './decision.ts';
import { nextTerm } from './term.ts';

/** Catching up shows in the next heartbeat. */
const LOOK_AGAIN_MS = 500;

/** What a candidate can still grow out of; any other refusal ends a request (H2). */
const PASSING: ReadonlySet<Refusal> = new Set([
  'Behind',
  'Starting',
  'Restoring',
  'NeverHeard',
  'NotRunning',
]);

/** The decision while the primary serves. */
export function planPlanned(
  view: ShardView,
  assignment: AssignmentView,
  evidence: Evidence,
): FailoverDecision {
  if (view.switchover !== undefined) return switchover(view, assignment, evidence, view.switchover);
  const primary = view.replicas.find((r) => r.pod.name === assignment.primary);
  const drained = primary !== undefined && nodeOf(primary, view.nodes)?.cordoned === true;
  if (drained && !view.paused) return drain(view, assignment, evidence);
  return { kind: 'keep', reason: view.paused ? 'Paused' : 'Serving', evidence };
}

function switchover(
  view: ShardView,
  assignment: AssignmentView,
  evidence: Evidence,
  wanted: string,
): FailoverDecision {
  const keep = (kind: RequestAnswer['kind'], reason: string, message: string): FailoverDecision => ({
    kind: 'keep',
    reason: 'Serving',
    evidence,
    request: { kind, reason, message },
    ...(kind === 'waiting' ? { untilMs: view.nowMs + LOOK_AGAIN_MS } : {}),
  });
  if (wanted === assignment.primary)
    return keep('done', 'AlreadyPrimary', `Pod ${wanted} is the primary already.`);
  const candidates = rankCandidates(view, {
    exclude: assignment.primary,
    maxLagBytes: PLANNED_LAG_BYTES,
    refuseCordoned: wanted === 'any',
  });
  if (wanted === 'any') {
    const best = bestCandidate(candidates);
    if (best) return handOver(view, assignment, { ...evidence, candidates }, best, 'Switchover');
    const others = candidates.filter((c) => c.pod !== assignment.primary);
    if (others.length === 0 && view.standbys === 0) {
      return keep(
        'refused',
        'NoStandby',
        'The shard has no standby to switch over to; set spec.standbys to 1 or more.',
      );
    }
    return keep(
      'waiting',
      'NoCandidate',
      `No standby can take over yet: ${others.map(describeRefusals).join('; ') || 'there is none'}.`,
    );
  }
  const target = candidates.find((c) => c.pod === wanted);
  if (!target) return keep('refused', 'UnknownPod', `This shard has no pod ${wanted}.`);
  if (target.refusals.length === 0)
    return handOver(view, assignment, { ...evidence, candidates }, target, 'Switchover');
  const passing = target.refusals.every((r) => PASSING.has(r));
  return keep(
    passing ? 'waiting' : 'refused',
    passing ? 'CatchingUp' : target.refusals[0]!,
    `${describeRefusals(target)}.`,
  );
}

function drain(view: ShardView, assignment: AssignmentView, evidence: Evidence): FailoverDecision {
  const candidates = rankCandidates(view, {
    exclude: assignment.primary,
    maxLagBytes: PLANNED_LAG_BYTES,
    refuseCordoned: true,
  });
  const best = bestCandidate(candidates);
  if (best) return handOver(view, assignment, { ...evidence, candidates }, best, 'NodeDrain');
  const others = candidates.filter((c) => c.pod !== assignment.primary).map(describeRefusals);
  return {
    kind: 'wait',
    reason: 'DrainNeedsStandby',
    message: `The node of primary ${assignment.primary} is being drained and no standby elsewhere is ready: ${others.join('; ') || 'there is none'}.`,
    untilMs: view.nowMs + LOOK_AGAIN_MS,
    evidence: { ...evidence, candidates },
  };
}

function handOver(
  view: ShardView,
  assignment: AssignmentView,
  evidence: Evidence,
  target: Candidate,
  reason: PromoteReason,
): FailoverDecision {
  return {
    kind: 'promote',
    pod: target.pod,
    term: nextTerm(view),
    reason,
    planned: true,
    from: assignment.primary,
    detectedSinceMs: undefined,
    evidence,
    ...(reason === 'Switchover'
      ? {
          request: {
            kind: 'accepted',
            reason: 'SwitchingOver',
            message: `Switching over from ${assignment.primary} to ${target.pod}.`,
          },
        }
      : {}),
  };
}
