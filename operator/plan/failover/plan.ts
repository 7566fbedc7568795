/**
 * Should the primary of a shard change, and to whom: a pure function of what is known now (DESIGN §5.3).
 *
 * P1  Terms only grow: a new term is above every term seen anywhere (I8).
 * P2  Proof is acted on at once, even by an operator that is blind; silence only after the time and the votes it needs, and never blind.
 * P3  Whoever is promoted is heard, running and tailing. With nobody like that the answer names what each one lacks.
 * P4  Being wrong costs one needless handoff and never a byte: the fence in the log decides who may append, not this function.
 * P5  Each silence handoff within ten minutes beyond FLAPS_FREE doubles the silence needed: a flapping network does not chase the primary
 *     around.
 */
import { heardWithin, LINE_FRESH_MS, blindness } from '../sight.ts';
import type { AssignmentView, ShardView } from '../types.ts';
import { bestCandidate, describeRefusals, rankCandidates, type CandidateRules } from './candidates.ts';
import type { Evidence, FailoverDecision, KeepReason, PromoteReason, WaitReason } from './decision.ts';
import { findPrimary, type Finding } from './finding.ts';
import { planPlanned } from './planned.ts';
import { nextTerm } from './term.ts';
import { countVotes, hasVoters, isConfirmed, type Votes } from './votes.ts';

/** Waiting ends with news in nearly all cases; this is the second chance when the news got lost. */
const LOOK_AGAIN_MS = 500;
/** P5: two in ten minutes can be bad luck. */
const FLAPS_FREE = 2;
/** P5: silence never has to last longer than this, however often it flapped. */
const MAX_SILENCE_MS = 60_000;

/** The decision for one shard. */
export function planFailover(view: ShardView): FailoverDecision {
  const { assignment } = view;
  const adopted = adopt(view);
  if (adopted) return adopted;
  if (view.suspended) return keep(view, 'Suspended');
  if (!assignment) return view.paused ? keep(view, 'Paused') : first(view);
  const finding = findPrimary(view, assignment);
  if (finding.kind === 'serving')
    return lookAgain(view, planPlanned(view, assignment, withheld(view, finding)));
  if (view.paused) return keep(view, 'Paused', finding);
  switch (finding.kind) {
    case 'takingOver':
      return { ...keep(view, 'HandoffInProgress', finding), untilMs: finding.untilMs };
    case 'unseen':
      return wait(
        view,
        'PrimaryUnconfirmed',
        `Pod ${assignment.primary} is not in the cache; the API server has to be asked.`,
        finding,
      );
    case 'gone':
      return promoteBest(
        view,
        assignment,
        finding,
        finding.released ? 'PrimaryReleased' : 'PrimaryGone',
        finding.sinceMs,
      );
    case 'leaving':
      return promoteBest(view, assignment, finding, 'PrimaryLeaving', undefined);
    case 'stuck':
      return promoteBest(view, assignment, finding, 'PrimaryStuck', finding.sinceMs);
    case 'quiet':
      return silence(view, assignment, finding);
    default:
      return finding satisfies never;
  }
}

/** A pod serves a term that the object has never heard of: the object was rolled back, and catches up with the log (P1). */
function adopt(view: ShardView): FailoverDecision | undefined {
  const known = view.assignment?.term ?? 0;
  const serving = view.replicas
    .filter(
      (r) =>
        r.line?.state === 'serving' &&
        r.line.term > known &&
        heardWithin(r, view.nowMs, LINE_FRESH_MS) &&
        !r.pod.deleting,
    )
    .sort(
      (a, b) =>
        b.line!.term - a.line!.term ||
        b.line!.headOffset - a.line!.headOffset ||
        (a.pod.name < b.pod.name ? -1 : 1),
    )[0];
  if (!serving) return undefined;
  return {
    kind: 'promote',
    pod: serving.pod.name,
    term: serving.line!.term,
    reason: 'AdoptServing',
    planned: false,
    from: view.assignment?.primary,
    detectedSinceMs: undefined,
    evidence: evidenceOf(view, undefined, { exclude: undefined }),
  };
}

function first(view: ShardView): FailoverDecision {
  const evidence = evidenceOf(view, undefined, { exclude: undefined });
  const best = bestCandidate(evidence.candidates);
  if (!best) return noCandidate(view, evidence);
  return {
    kind: 'promote',
    pod: best.pod,
    term: nextTerm(view),
    reason: 'FirstAssignment',
    planned: false,
    from: undefined,
    detectedSinceMs: undefined,
    evidence,
  };
}

/** Silence: eyesight, time, votes, candidate, in this order (P2). */
function silence(
  view: ShardView,
  assignment: AssignmentView,
  finding: Extract<Finding, { kind: 'quiet' }>,
): FailoverDecision {
  const { nowMs, failover } = view;
  const votes = countVotes(view, assignment.primary);
  const heardBefore = view.replicas.some((r) => r.pod.name === assignment.primary && r.line !== undefined);
  const neededMs = neededSilence(view, votes, heardBefore);
  const evidence = evidenceOf(
    view,
    finding,
    { exclude: assignment.primary, avoidNode: nodeOfPrimary(view) },
    votes,
    neededMs,
  );
  const blind = blindness(view.operator, finding.silentMs);
  if (blind) return { kind: 'blind', ...blind, untilMs: nowMs + LOOK_AGAIN_MS, evidence };
  if (!heardBefore && finding.silentMs < failover.soloSilenceMs) {
    const message = `This operator has listened to ${assignment.primary} for ${Math.round(finding.silentMs)} ms only and never heard it.`;
    return {
      kind: 'blind',
      reason: 'NoHistory',
      message,
      untilMs: finding.sinceMs + failover.soloSilenceMs,
      evidence,
    };
  }
  if (finding.silentMs < neededMs) {
    const message = `Pod ${assignment.primary} has been silent for ${Math.round(finding.silentMs)} ms of the ${neededMs} ms it takes to act.`;
    return { kind: 'wait', reason: 'PrimarySilent', message, untilMs: finding.sinceMs + neededMs, evidence };
  }
  if (hasVoters(votes) && !isConfirmed(votes)) {
    const message = `The operator does not hear ${assignment.primary}, but ${votes.hearing.join(', ')} does: the path between operator and pod is broken.`;
    return { kind: 'wait', reason: 'PeersHearPrimary', message, untilMs: nowMs + LOOK_AGAIN_MS, evidence };
  }
  return promoteFrom(view, assignment, evidence, 'PrimarySilent', finding.sinceMs);
}

/** How long the primary must be silent, ms (P5). Who never heard it needs the long time even when standbys confirm. */
function neededSilence(view: ShardView, votes: Votes, heardBefore: boolean): number {
  const { silenceMs, soloSilenceMs } = view.failover;
  const base = heardBefore && hasVoters(votes) ? silenceMs : soloSilenceMs;
  const flaps = Math.max(0, view.recentSilenceHandoffs - FLAPS_FREE);
  return flaps === 0 ? base : Math.max(base, Math.min(MAX_SILENCE_MS, base * 2 ** Math.min(flaps, 16)));
}

function promoteBest(
  view: ShardView,
  assignment: AssignmentView,
  finding: Finding,
  reason: PromoteReason,
  sinceMs: number | undefined,
): FailoverDecision {
  const evidence = evidenceOf(view, finding, { exclude: assignment.primary, avoidNode: nodeOfPrimary(view) });
  return promoteFrom(view, assignment, evidence, reason, sinceMs);
}

function promoteFrom(
  view: ShardView,
  assignment: AssignmentView,
  evidence: Evidence,
  reason: PromoteReason,
  detectedSinceMs: number | undefined,
): FailoverDecision {
  const best = bestCandidate(evidence.candidates);
  if (!best) return noCandidate(view, evidence);
  return {
    kind: 'promote',
    pod: best.pod,
    term: nextTerm(view),
    reason,
    planned: reason === 'PrimaryLeaving',
    from: assignment.primary,
    detectedSinceMs,
    evidence,
    ...requestSuperseded(view, best.pod),
  };
}

/** A failover happened first; the request that asked for a switchover is answered by it, or has lost its sense. */
function requestSuperseded(view: ShardView, promoted: string): Pick<FailoverDecision, 'request'> {
  if (view.switchover === undefined) return {};
  const asked = view.switchover === 'any' || view.switchover === promoted;
  return asked
    ? {
        request: {
          kind: 'accepted',
          reason: 'FailedOver',
          message: `The primary was lost; ${promoted} takes over, as was asked for.`,
        },
      }
    : {
        request: {
          kind: 'refused',
          reason: 'FailedOver',
          message: `The primary was lost first, and ${promoted} takes over.`,
        },
      };
}

function noCandidate(view: ShardView, evidence: Evidence): FailoverDecision {
  const lacking = evidence.candidates.filter((c) => !c.refusals.includes('IsPrimary'));
  const message =
    lacking.length === 0
      ? 'No other pod exists that could take over; a new one has to restore from the log first.'
      : `No pod can take over yet: ${lacking.map(describeRefusals).join('; ')}.`;
  const finding = evidence.primary?.finding;
  const reason: WaitReason = finding?.kind === 'stuck' ? 'PrimaryStuck' : 'NoCandidate';
  return { kind: 'wait', reason, message, untilMs: view.nowMs + LOOK_AGAIN_MS, evidence };
}

/** A primary that falls silent makes no event: the next look has to be planned while it still speaks. */
function lookAgain(view: ShardView, decision: FailoverDecision): FailoverDecision {
  if (decision.kind !== 'keep' || decision.untilMs !== undefined) return decision;
  const heardAtMs =
    view.replicas.find((r) => r.pod.name === view.assignment?.primary)?.lineAtMs ?? view.nowMs;
  return { ...decision, untilMs: heardAtMs + view.failover.silenceMs };
}

function keep(
  view: ShardView,
  reason: KeepReason,
  finding?: Finding,
): FailoverDecision & { readonly kind: 'keep' } {
  return { kind: 'keep', reason, evidence: withheld(view, finding) };
}

function wait(view: ShardView, reason: WaitReason, message: string, finding: Finding): FailoverDecision {
  return {
    kind: 'wait',
    reason,
    message,
    untilMs: view.nowMs + LOOK_AGAIN_MS,
    evidence: withheld(view, finding),
  };
}

/** Evidence of a decision that changes nothing. */
function withheld(view: ShardView, finding: Finding | undefined): Evidence {
  return evidenceOf(view, finding, { exclude: view.assignment?.primary });
}

function evidenceOf(
  view: ShardView,
  finding: Finding | undefined,
  rules: CandidateRules,
  votes?: Votes,
  neededSilenceMs?: number,
): Evidence {
  const { assignment } = view;
  return {
    primary: assignment && finding && { pod: assignment.primary, term: assignment.term, finding },
    votes,
    neededSilenceMs,
    candidates: rankCandidates(view, rules),
  };
}

function nodeOfPrimary(view: ShardView): string | undefined {
  return view.replicas.find((r) => r.pod.name === view.assignment?.primary)?.pod.node;
}
