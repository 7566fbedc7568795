/**
 * Says what was decided and what came of it: as Event, log line and metric with the same words (I11). The status record is written with
 * the assignment itself.
 *
 * C1  Each state of affairs is told once, when it begins; a wait that goes on is not told again.
 */
import { KINDS, type Handoff } from '../../../src/api/index.ts';
import {
  DURATION_BUCKETS_SECONDS,
  type CounterMetric,
  type HistogramMetric,
  type Logger,
  type Metrics,
} from '../../../src/base/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import {
  describeEvidence,
  type FailoverDecision,
  type ReplicaView,
  type RequestAnswer,
} from '../../plan/index.ts';
import type { EventNews, EventSink } from '../events.ts';
import { describeSteps, type Promotion } from './handoffs.ts';
import type { ShardMemory } from './memory.ts';
import type { Prerequisites } from './prerequisites.ts';

const STEPS = ['detect', 'decide', 'fence', 'replay', 'serve', 'total'] as const;
const OUTCOMES = ['Completed', 'Failed', 'Superseded'] as const;

/** Which event an answer to a switchover request makes. */
const ANSWER_EVENTS: Readonly<Record<RequestAnswer['kind'], Pick<EventNews, 'type' | 'reason'>>> = {
  accepted: { type: 'Normal', reason: 'SwitchoverAccepted' },
  waiting: { type: 'Normal', reason: 'SwitchoverWaiting' },
  refused: { type: 'Warning', reason: 'SwitchoverRefused' },
  done: { type: 'Normal', reason: 'SwitchoverDone' },
};

export class Chronicle {
  readonly #events: EventSink;
  readonly #handoffs: CounterMetric | undefined;
  readonly #durations: HistogramMetric | undefined;

  constructor(events: EventSink, metrics: Metrics | undefined) {
    this.#events = events;
    this.#handoffs = metrics?.counter({
      name: 'holdfast_operator_handoffs_total',
      help: 'Handoffs that ended, by outcome',
      labels: ['outcome'],
    });
    for (const outcome of OUTCOMES) this.#handoffs?.add(0, { outcome });
    this.#durations = metrics?.histogram({
      name: 'holdfast_operator_handoff_seconds',
      help: 'Duration of completed handoffs, by step',
      labels: ['step'],
      buckets: DURATION_BUCKETS_SECONDS,
    });
  }

  /** An assignment was written. */
  promoted(shard: KubeObject, promotion: Promotion, log: Logger): void {
    const { pod, term, from, reason, planned } = promotion;
    const evidence = describeEvidence(promotion.evidence);
    const calm = planned || reason === 'FirstAssignment' || reason === 'PrimaryReleased';
    const whom = from === undefined ? '' : ` from ${from}`;
    this.#tell(
      shard,
      calm ? 'Normal' : 'Warning',
      'HandoffStarted',
      `${pod} takes over${whom} in term ${term} (${reason}): ${evidence}`,
    );
    log.info('handoff started', { pod, term, from, reason, evidence });
  }

  /** Records that ended since `before` was written. */
  ended(shard: KubeObject, before: readonly Handoff[], after: readonly Handoff[], log: Logger): void {
    for (const record of after) {
      const was = before.find((r) => r.term === record.term)?.outcome;
      if (record.outcome === 'InProgress' || was === record.outcome) continue;
      const steps = describeSteps(record);
      const { toPod, term, reason, outcome } = record;
      const good = outcome === 'Completed';
      const text = good
        ? `${toPod} serves term ${term} (${reason})`
        : `Handoff to ${toPod} in term ${term} ${outcome.toLowerCase()}`;
      this.#tell(
        shard,
        good ? 'Normal' : 'Warning',
        `Handoff${outcome}`,
        steps === '' ? text : `${text}; ${steps}`,
      );
      log.info('handoff ended', { ...record });
      this.#handoffs?.add(1, { outcome });
      if (good) this.#observe(record);
    }
  }

  /** Pods that ended since the last look. */
  podEnds(shard: KubeObject, memory: ShardMemory, log: Logger): void {
    for (const { pod, byError, how } of memory.untoldEnds.splice(0)) {
      this.#tell(shard, byError ? 'Warning' : 'Normal', 'PodEnded', `Pod ${pod} ended: ${how}`);
      log.info('a pod ended', { pod, how });
    }
  }

  /** Pods that could not restore from the newest hints (C1). */
  restores(shard: KubeObject, replicas: readonly ReplicaView[], memory: ShardMemory, log: Logger): void {
    const topics = new Set<string>();
    for (const { pod, line } of replicas) {
      const topic = `restore ${pod.uid}`;
      topics.add(topic);
      if (!line?.hints || line.hints.passedOver.length === 0) continue;
      const { from, passedOver } = line.hints;
      const why = passedOver.map((each) => `${each.from}: ${each.code}: ${each.problem}`).join(' ');
      if (!begins(memory, topic, `${from} ${passedOver.length}`)) continue;
      this.#tell(shard, 'Warning', 'HintsPassedOver', `Pod ${pod.name} restores from ${from}. ${why}`);
      log.warn('a pod restores, but not from the newest hints', { pod: pod.name, from, why });
    }
    for (const topic of memory.told.keys())
      if (topic.startsWith('restore ') && !topics.has(topic)) memory.told.delete(topic);
  }

  /** A decision against acting, or against one's own eyes (C1). */
  withheld(shard: KubeObject, decision: FailoverDecision, memory: ShardMemory, log: Logger): void {
    if (decision.kind === 'keep' || decision.kind === 'promote') {
      memory.told.delete('withheld');
      return;
    }
    if (decision.reason === 'PrimarySilent') return; // the time it takes is not over: on the way to a decision, not one
    if (!begins(memory, 'withheld', `${decision.kind} ${decision.reason}`)) return;
    const type = decision.evidence.primary ? 'Warning' : 'Normal';
    const reason = decision.kind === 'blind' ? 'OperatorBlind' : 'HandoffWithheld';
    const evidence = describeEvidence(decision.evidence);
    this.#tell(shard, type, reason, `${decision.reason}: ${decision.message} Seen: ${evidence}`);
    log.warn('no handoff now', {
      kind: decision.kind,
      reason: decision.reason,
      why: decision.message,
      evidence,
    });
  }

  /** The answer to a switchover request (C1). */
  answered(shard: KubeObject, answer: RequestAnswer | undefined, memory: ShardMemory, log: Logger): void {
    if (!answer) {
      memory.told.delete('request');
      return;
    }
    if (!begins(memory, 'request', `${answer.kind} ${answer.reason}`)) return;
    const { type, reason } = ANSWER_EVENTS[answer.kind];
    this.#tell(shard, type, reason, `${answer.reason}: ${answer.message}`);
    log.info('switchover request answered', {
      answer: answer.kind,
      reason: answer.reason,
      why: answer.message,
    });
  }

  /** Something that a shard needs is missing, or is there again (C1). */
  prerequisites(shard: KubeObject, found: Prerequisites, memory: ShardMemory, log: Logger): void {
    if (found.kind !== 'missing') {
      memory.told.delete('missing');
      return;
    }
    if (!begins(memory, 'missing', found.reason)) return;
    this.#tell(shard, 'Warning', found.reason, `${found.message} No pods are made until then.`);
    log.warn('a shard lacks what it needs', { reason: found.reason, why: found.message });
  }

  /** The API server refused something (C1). */
  failed(shard: KubeObject, error: Error, memory: ShardMemory): void {
    if (!begins(memory, 'failed', error.message)) return;
    this.#tell(shard, 'Warning', 'ReconcileFailed', error.message);
  }

  #observe(record: Handoff): void {
    for (const step of STEPS) {
      const ms = record[`${step}Ms`];
      if (ms !== undefined) this.#durations?.observe(ms / 1000, { step });
    }
  }

  #tell(shard: KubeObject, type: EventNews['type'], reason: string, message: string): void {
    this.#events.tell(KINDS.shard, shard, { type, reason, message });
  }
}

function begins(memory: ShardMemory, topic: string, state: string): boolean {
  if (memory.told.get(topic) === state) return false;
  memory.told.set(topic, state);
  return true;
}
