/**
 * The JournalStore controller: opens the store as a pod would, probes it, and says what came of it.
 *
 * J1  A store is probed when its spec or its secret changes, soon again while it is not fine, and every FINE_MS while it is.
 * J2  Each probe is bounded by PROBE_MS; one that takes longer found the store unreachable.
 * J3  Ready is True only for the spec it was probed with (observedGeneration), and the URL in the status is the one that was probed.
 * J4  A new leader has failovers to see to first: what its predecessor judged stands for SETTLE_MS.
 * J5  A store that was fine stays Ready through GRACE failures in a row: one lost request is not news.
 */
import { KINDS, setCondition, type Condition, type JournalStore } from '../../../src/api/index.ts';
import { backoffMs, deadline, isAbortOf, type BackoffPolicy } from '../../../src/base/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { probeStore } from '../../../src/store/index.ts';
import { Controller, type ReconcileContext, type ReconcileResult } from '../../runtime/index.ts';
import { timestamp, type ControllerPorts } from '../ports.ts';
import { openFor, readCredentials, storeUrlOf, type ReadCredentials, type StoreOpener } from '../secrets.ts';
import { statusOf, writeStatus } from '../status-write.ts';
import { asStore } from '../views.ts';
import { verdict, type LookOutcome } from './verdict.ts';

/** J1: often enough to notice a changed bucket policy within minutes, rare enough to cost nothing. */
const FINE_MS = 300_000;
/** A changed secret makes no news (the operator may not list secrets): it is looked at this often. */
const SECRET_MS = 30_000;
/** J1 */
const AGAIN: BackoffPolicy = { firstMs: 1_000, factor: 2, capMs: 30_000, jitter: 0 };
/** J2: a probe is some forty requests; with a store that answers in a second each it still ends. */
const PROBE_MS = 60_000;
/** J4 */
const SETTLE_MS = 5_000;
/** J5 */
const GRACE = 2;
const CONFLICT_PAUSE_MS = 20;
/** Schema limit of a detail. */
const MAX_DETAIL = 1_024;

/** What this process knows of one store. */
interface StoreMemory {
  /** Spec and secret that were probed last, with what came of it. */
  readonly identity: string;
  readonly url: string | undefined;
  readonly outcome: LookOutcome;
  readonly atMs: number;
  /** The wall clock's time, for people. */
  readonly time: string;
  /** Failures in a row, this one included. */
  readonly failures: number;
}

/** Where to look and with which keys, or why that is not known. */
type Subject =
  | {
      readonly kind: 'known';
      readonly identity: string;
      readonly url: string;
      readonly read: ReadCredentials;
    }
  | { readonly kind: 'unknown'; readonly identity: string; readonly outcome: LookOutcome };

export interface StoreControllerOptions {
  readonly ports: ControllerPorts;
  readonly open?: StoreOpener['open'];
}

export class StoreReconciler {
  readonly #ports: ControllerPorts;
  readonly #opener: StoreOpener;
  readonly #memories = new Map<string, StoreMemory>();
  readonly #met = new Set<string>();

  constructor({ ports, open }: StoreControllerOptions) {
    this.#ports = ports;
    this.#opener = { ...ports, open };
  }

  /** @throws KubeError when the API server could not be asked or told */
  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult> {
    const { caches, clock } = this.#ports;
    const object = caches.stores.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      this.#memories.delete(key);
      this.#met.delete(key);
      return { kind: 'done' };
    }
    const met = this.#met.has(key);
    this.#met.add(key);
    if (!met && isJudged(object)) return { kind: 'again', afterMs: SETTLE_MS }; // J4
    const subject = await this.#subject(asStore(object), context.signal);
    const memory = await this.#look(this.#memories.get(key), subject, context);
    this.#memories.set(key, memory);
    const written = await this.#write(object, memory, context);
    const sinceMs = clock.monotonicMs() - memory.atMs;
    const nextMs = Math.min(SECRET_MS, pauseMs(memory, this.#ports) - sinceMs);
    return { kind: 'again', afterMs: written ? Math.max(1, nextMs) : CONFLICT_PAUSE_MS };
  }

  /** What is known of the subject: from before, or from a probe when one is due (J1). */
  async #look(
    before: StoreMemory | undefined,
    subject: Subject,
    context: ReconcileContext,
  ): Promise<StoreMemory> {
    const { clock } = this.#ports;
    const same = before?.identity === subject.identity;
    if (same && clock.monotonicMs() - before.atMs < pauseMs(before, this.#ports)) return before;
    const outcome = subject.kind === 'known' ? await this.#probe(subject, context) : subject.outcome;
    const fine = verdict(outcome).status === 'True';
    return {
      identity: subject.identity,
      url: subject.kind === 'known' ? subject.url : undefined,
      outcome,
      atMs: clock.monotonicMs(),
      time: timestamp(clock),
      failures: fine ? 0 : (same ? before.failures : 0) + 1,
    };
  }

  /** Where to look and with which keys, or why that is not known. */
  async #subject(store: JournalStore, signal: AbortSignal): Promise<Subject> {
    const generation = `${store.metadata.uid}/${store.metadata.generation}`;
    try {
      const url = storeUrlOf(store);
      const read = await readCredentials(this.#ports.kube, store, signal);
      return { kind: 'known', identity: `${generation}/${read.version}`, url, read };
    } catch (thrown) {
      const outcome = { kind: 'failed', error: thrown } as const;
      if (verdict(outcome).status === 'Unknown') throw thrown; // the API server, not the store
      return { kind: 'unknown', identity: `${generation}/-`, outcome };
    }
  }

  async #probe(
    subject: Extract<Subject, { kind: 'known' }>,
    { signal }: ReconcileContext,
  ): Promise<LookOutcome> {
    const { clock, random } = this.#ports;
    const limit = deadline(clock, PROBE_MS, 'the probe of the store', signal); // J2
    const store = openFor(this.#opener, subject.url, subject.read);
    try {
      return { kind: 'probed', report: await probeStore(store, { clock, random, signal: limit.signal }) };
    } catch (thrown) {
      if (isAbortOf(signal, thrown)) throw thrown;
      return { kind: 'failed', error: thrown };
    } finally {
      limit.clear();
      await store.close();
    }
  }

  /** Brings the status up to what is known. False when somebody else wrote in between. */
  async #write(object: KubeObject, memory: StoreMemory, context: ReconcileContext): Promise<boolean> {
    const { kube, events } = this.#ports;
    const { outcome, url, time } = memory;
    const generation = object.metadata.generation ?? 0;
    const before: readonly Condition[] = asStore(object).status?.conditions ?? [];
    const held = before.find((condition) => condition.type === 'Ready');
    const news = verdict(outcome);
    const wasFine = held?.status === 'True' && held.observedGeneration === generation;
    if (news.status === 'Unknown' && wasFine && memory.failures <= GRACE) return true; // J5
    const next = {
      ...statusOf(object),
      observedGeneration: generation,
      conditions: setCondition(before, news, generation, time),
      ...(url === undefined ? {} : { url }),
      ...(outcome.kind === 'probed' ? { probe: probeStatus(outcome.report, time) } : {}),
    };
    const write = await writeStatus(kube, KINDS.journalStore, object, next, context.signal);
    if (write.kind === 'conflict') return false;
    if (write.kind === 'written' && (held?.status !== news.status || held.reason !== news.reason)) {
      const type = news.status === 'True' ? 'Normal' : 'Warning';
      events.tell(KINDS.journalStore, object, { type, reason: news.reason, message: news.message });
      context.log.info('store judged', { status: news.status, reason: news.reason, why: news.message });
    }
    return true;
  }
}

/** Somebody has judged it as it is specified now. */
function isJudged(object: KubeObject): boolean {
  const ready = asStore(object).status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.status === 'True' && ready.observedGeneration === object.metadata.generation;
}

/** From one probe to the next, if nothing changes (J1). */
function pauseMs({ failures }: StoreMemory, { random }: ControllerPorts): number {
  return failures === 0 ? FINE_MS : backoffMs(AGAIN, failures - 1, random);
}

function probeStatus(
  report: { readonly properties: readonly { name: string; ok: boolean; detail: string }[] },
  time: string,
): unknown {
  const properties = report.properties.map(({ name, ok, detail }) => ({
    name,
    ok,
    detail: detail.slice(0, MAX_DETAIL),
  }));
  return { time, properties };
}

/** The controller, with its subscription in place. */
export function storeController(options: StoreControllerOptions): Controller {
  const { ports } = options;
  const reconciler = new StoreReconciler(options);
  const controller = new Controller({
    name: 'journalstores',
    reconcile: (key, context) => reconciler.reconcile(key, context),
    clock: ports.clock,
    random: ports.random,
    log: ports.log,
    metrics: ports.metrics,
  });
  ports.caches.stores.subscribe((change) => {
    const isNews =
      change.kind !== 'updated' || change.old.metadata.generation !== change.object.metadata.generation;
    if (isNews) controller.enqueue(change.key);
  });
  return controller;
}
