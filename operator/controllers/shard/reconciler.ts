/**
 * One look at one shard: gather, decide, write the decision, act, tell. In this order:
 *
 *   assignment by compare-and-set -> role labels -> answered request -> log, rights, services -> pods -> records, conditions
 *
 * L1  Intent before action: no label, pod or event speaks of a term that is not in the object.
 * L2  A failover waits for nothing but its own write: neither for a store, nor for services, nor for pods to be made.
 * L3  A step that fails does not keep the later ones from happening; the look as a whole then fails and is repeated.
 * L4  Nothing is concluded from what is not in the cache: before that, the API server is asked.
 * L5  Every step asks anew whether this process still leads: one that was paused for a while must not move a label by what it knew before.
 */
import { ensureError, isAbortOf, type Logger } from '../../../src/base/index.ts';
import { isKubeError, RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import {
  planFailover,
  planPods,
  planStatus,
  type FailoverDecision,
  type PodPlan,
  type ShardView,
} from '../../plan/index.ts';
import type { ReconcileContext, ReconcileResult } from '../../runtime/index.ts';
import { KINDS } from '../../../src/api/index.ts';
import { Overlay } from '../overlay.ts';
import { timestamp, type ControllerPorts } from '../ports.ts';
import { writeStatus } from '../status-write.ts';
import { asShard } from '../views.ts';
import { assign } from './assignment.ts';
import { Chronicle } from './chronicle.ts';
import { recordProgress } from './handoffs.ts';
import type { ShardMemories, ShardMemory } from './memory.ts';
import { PodHands, type PodImage } from './pods.ts';
import { findPrerequisites, type Prerequisites } from './prerequisites.ts';
import { Provisioner } from './provision.ts';
import { isAnswered, recallAnswer, takeOff } from './request.ts';
import { isWorthWriting, nextStatus } from './status.ts';
import type { World } from './world.ts';

export interface ReconcilerOptions {
  readonly ports: ControllerPorts;
  readonly world: World;
  readonly memories: ShardMemories;
  readonly image: PodImage;
  /** True while this process may act as leader, asked at the moment of acting. */
  readonly leading: () => boolean;
}

/** One look, with what it has learnt so far. */
interface Look {
  readonly key: string;
  readonly memory: ShardMemory;
  readonly prerequisites: Prerequisites;
  readonly signal: AbortSignal;
  readonly log: Logger;
  shard: KubeObject;
  view: ShardView;
  decision: FailoverDecision;
  readonly failures: Error[];
  /** A write of this look lost against another one. */
  lostRace: boolean;
}

/** After a lost race: the winner's write is in the cache within a few of these. */
const CONFLICT_PAUSE_MS = 20;
/** Pods that the cache does not show yet make news when it does; this is for news that got lost. */
const STALE_PAUSE_MS = 1_000;
/** Safety net under everything that makes no news. */
const RESYNC_MS = 30_000;

export class ShardReconciler {
  readonly #options: ReconcilerOptions;
  readonly #ports: ControllerPorts;
  readonly #shards: Overlay;
  readonly #hands: PodHands;
  readonly #provisioner: Provisioner;
  readonly #chronicle: Chronicle;

  constructor(options: ReconcilerOptions) {
    const { ports, image } = options;
    this.#options = options;
    this.#ports = ports;
    this.#shards = new Overlay(ports.caches.shards);
    this.#hands = new PodHands(ports, image);
    this.#provisioner = new Provisioner(ports.kube, ports.clock);
    this.#chronicle = new Chronicle(ports.events, ports.metrics);
  }

  /** @throws KubeError when a step failed (L3) */
  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult> {
    const shard = this.#shards.get(key);
    if (!shard || shard.metadata.deletionTimestamp !== undefined) {
      this.#hands.forget(key);
      this.#provisioner.forget(key);
      return { kind: 'done' }; // its pods go with it: they are owned
    }
    const look = await this.#look(key, shard, context);
    if ((await this.#decide(look)) === 'conflict')
      return { kind: 'again', afterMs: CONFLICT_PAUSE_MS, lane: 'recovery' };
    const plan = planPods(look.view, look.memory.crashes);
    await this.#attempt(look, () => this.#hands.label(key, plan, shard.metadata.namespace!, look.signal));
    await this.#attempt(look, () => this.#answer(look));
    await this.#attempt(look, () => this.#pods(look, plan));
    await this.#attempt(look, () => this.#status(look, plan));
    const failure = look.failures[0];
    if (failure) {
      this.#chronicle.failed(look.shard, failure, look.memory);
      throw failure;
    }
    look.memory.told.delete('failed');
    return this.#next(look, plan);
  }

  async #look(key: string, shard: KubeObject, context: ReconcileContext): Promise<Look> {
    const { memories, ports } = this.#options;
    memories.note(key, shard, undefined);
    const memory = memories.of(key);
    recallAnswer(shard, memory);
    const prerequisites = findPrerequisites(shard, ports.caches);
    const { signal, log } = context;
    this.#chronicle.prerequisites(shard, prerequisites, memory, log);
    const view = this.#view(key, shard, memory, false);
    this.#chronicle.podEnds(shard, memory, log);
    this.#chronicle.restores(shard, view.replicas, memory, log);
    const decision = planFailover(view);
    const look: Look = {
      key,
      memory,
      prerequisites,
      signal,
      log,
      shard,
      view,
      decision,
      failures: [],
      lostRace: false,
    };
    if (decision.kind === 'wait' && decision.reason === 'PrimaryUnconfirmed')
      await this.#confirmAbsence(look);
    return look;
  }

  /** L4 */
  async #confirmAbsence(look: Look): Promise<void> {
    const name = look.view.assignment!.primary;
    const { namespace } = look.shard.metadata;
    try {
      await this.#ports.kube.get(RESOURCES.pod, { namespace, name }, { signal: look.signal });
      look.log.info('the primary exists, but the cache does not show it yet', { pod: name });
    } catch (thrown) {
      if (!isKubeError(thrown, 'KUBE_NOT_FOUND')) throw thrown; // without an answer there is no step
      look.view = this.#view(look.key, look.shard, look.memory, true);
      look.decision = planFailover(look.view);
    }
  }

  #view(key: string, shard: KubeObject, memory: ShardMemory, primaryAbsent: boolean): ShardView {
    const nowMs = this.#ports.clock.monotonicMs();
    return this.#options.world.view({ nowMs, key, shard, memory, primaryAbsent });
  }

  /** Writes a promotion, and looks again at the world with it (L1). */
  async #decide(look: Look): Promise<'carriedOut' | 'conflict'> {
    const { decision, memory, log, signal } = look;
    this.#chronicle.withheld(look.shard, decision, memory, log);
    memory.watchful = decision.kind !== 'keep' || decision.reason === 'HandoffInProgress';
    if (decision.kind !== 'promote') {
      this.#chronicle.answered(look.shard, decision.request, memory, log);
      if (decision.request && decision.request.kind !== 'waiting') this.#noteAnswered(look);
      return 'carriedOut';
    }
    if (!this.#options.leading()) return 'conflict'; // L5: the lease ran out since this look began; its end is on the way
    memory.watchful = true;
    const done = await assign(this.#ports, look.shard, decision, memory, look.view.nowMs, signal);
    if (done.kind === 'conflict') {
      log.info('an assignment lost against another write', { term: decision.term, pod: decision.pod });
      return 'conflict';
    }
    this.#wrote(look, done.shard);
    this.#chronicle.promoted(look.shard, decision, log);
    this.#chronicle.answered(look.shard, decision.request, memory, log);
    if (decision.request) this.#noteAnswered(look);
    look.view = this.#view(look.key, look.shard, memory, false);
    look.decision = planFailover(look.view);
    return 'carriedOut';
  }

  #noteAnswered(look: Look): void {
    look.memory.answeredRequest = look.view.switchover;
  }

  /** Takes an answered request off (request.ts W1). */
  async #answer(look: Look): Promise<void> {
    if (!isAnswered(look.shard, look.memory)) return;
    const written = await takeOff(this.#ports.kube, look.shard, look.signal);
    if (written) this.#wrote(look, written);
  }

  /** Makes and removes pods, with what they need. */
  async #pods(look: Look, plan: PodPlan): Promise<void> {
    const { key, prerequisites, signal, memory } = look;
    if (prerequisites.kind === 'makeLog')
      await this.#provisioner.createLog(look.shard, prerequisites.storeName, signal);
    if (prerequisites.kind !== 'missing') await this.#provisioner.apply(key, look.shard, signal);
    if (this.#hands.mustWait(key)) return;
    await this.#hands.delete(key, look.shard, plan, signal);
    if (prerequisites.kind !== 'ready' || plan.create === 0) return;
    await this.#hands.create(key, look.shard, plan.create, prerequisites.provisions, memory, signal);
  }

  /** Records, rows and conditions. */
  async #status(look: Look, plan: PodPlan): Promise<void> {
    const { memory, view, log } = look;
    const before = asShard(look.shard).status?.handoffs ?? [];
    const mayEnd = !isAnswered(look.shard, memory); // request.ts W1
    const steps = this.#options.world.measuredSteps(view);
    const handoffs = mayEnd ? recordProgress(before, view, memory.handoff, steps) : before;
    const status = planStatus(view, look.decision, plan);
    const next = nextStatus(look.shard, status, handoffs, look.prerequisites, timestamp(this.#ports.clock));
    if (!isWorthWriting(look.shard, next, view.nowMs - memory.statusAtMs)) return;
    const write = await writeStatus(this.#ports.kube, KINDS.shard, look.shard, next, look.signal);
    if (write.kind === 'conflict') {
      look.lostRace = true;
      return;
    }
    if (write.kind === 'unchanged') return;
    memory.statusAtMs = view.nowMs;
    this.#wrote(look, write.object);
    this.#chronicle.ended(look.shard, before, handoffs, log);
  }

  #wrote(look: Look, object: KubeObject): void {
    this.#shards.wrote(object);
    look.shard = object;
    this.#options.memories.note(look.key, object, object);
  }

  /** One step of a look (L3), if this process still leads. An abort ends the look. */
  async #attempt(look: Look, step: () => Promise<void>): Promise<void> {
    if (!this.#options.leading()) return; // L5
    try {
      await step();
    } catch (thrown) {
      if (isAbortOf(look.signal, thrown)) throw thrown;
      look.failures.push(ensureError(thrown));
    }
  }

  #next(look: Look, plan: PodPlan): ReconcileResult {
    const nowMs = this.#ports.clock.monotonicMs();
    const { decision } = look;
    const times = [nowMs + RESYNC_MS];
    if (decision.kind === 'promote') times.push(nowMs); // found while carrying out another: a look of its own
    else if (decision.untilMs !== undefined) times.push(decision.untilMs);
    if (look.lostRace) times.push(nowMs + CONFLICT_PAUSE_MS);
    if (plan.createNotBeforeMs !== undefined) times.push(plan.createNotBeforeMs);
    if (this.#hands.mustWait(look.key)) times.push(nowMs + STALE_PAUSE_MS);
    const afterMs = Math.max(1, Math.min(...times) - nowMs);
    return { kind: 'again', afterMs, lane: afterMs < RESYNC_MS ? 'recovery' : 'routine' };
  }
}
