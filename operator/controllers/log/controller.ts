/**
 * The RecoveryLog controller: gives a log its generation, and says from time to time how far it reaches and how fresh its hints are.
 *
 * G1  The generation is written before anything else is asked: pods wait for it, and the store may be slow.
 * G2  A new leader has failovers to see to first: a log that has its generation is looked at after SETTLE_MS.
 * G3  The store is listed rarely (HEAD_MS): the head in the status is for people, nobody decides by it.
 */
import { KINDS } from '../../../src/api/index.ts';
import { deadline, ensureError, errorCode, isAbortOf } from '../../../src/base/index.ts';
import { estimateHead } from '../../../src/journal/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { Controller, type ReconcileContext, type ReconcileResult } from '../../runtime/index.ts';
import { BY_STORE } from '../caches.ts';
import { rawHints, readHints } from '../hints.ts';
import { equal } from '../merge-patch.ts';
import { Overlay } from '../overlay.ts';
import { timestamp, type ControllerPorts } from '../ports.ts';
import { openFor, readCredentials, type StoreOpener } from '../secrets.ts';
import { statusOf, writeStatus } from '../status-write.ts';
import { asLog, asStore } from '../views.ts';
import { nextLogStatus, type HeadLook, type LogFacts } from './facts.ts';

/** G2 */
const SETTLE_MS = 5_000;
/** G3: a LIST of a long log is many requests. */
const HEAD_MS = 300_000;
/** While the head is not known, or the log is still empty, it is worth a look more often. */
const UNKNOWN_HEAD_MS = 30_000;
/** Longest look at the head. */
const LIST_MS = 60_000;
const CONFLICT_PAUSE_MS = 20;

/** What this process remembers of one log. */
interface LogMemory {
  head: HeadLook | undefined;
  headAtMs: number;
  hints: ReturnType<typeof rawHints> | undefined;
  /** When the hints were seen to change; undefined: not since this process looks. */
  hintsChangedAtMs: number | undefined;
  ready: string;
}

export interface LogControllerOptions {
  readonly ports: ControllerPorts;
  readonly open?: StoreOpener['open'];
}

export class LogReconciler {
  readonly #ports: ControllerPorts;
  readonly #opener: StoreOpener;
  readonly #logs: Overlay;
  readonly #memories = new Map<string, LogMemory>();

  constructor(options: LogControllerOptions) {
    this.#ports = options.ports;
    this.#opener = { ...options.ports, open: options.open };
    this.#logs = new Overlay(options.ports.caches.logs);
  }

  /** @throws KubeError when the API server could not be asked or told */
  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult> {
    let object = this.#logs.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      this.#memories.delete(key);
      return { kind: 'done' };
    }
    const met = this.#memories.has(key);
    const memory = this.#memory(key);
    if (!met && asLog(object).status?.generation !== undefined) return { kind: 'again', afterMs: SETTLE_MS }; // G2
    if (asLog(object).status?.generation === undefined) {
      const unseen: HeadLook = {
        kind: 'blocked',
        reason: 'NotLookedYet',
        message: 'The store has not been asked yet.',
      };
      object = await this.#write(object, this.#facts(memory, object, unseen), memory, context); // G1
      if (!object) return { kind: 'again', afterMs: CONFLICT_PAUSE_MS };
    }
    const head = await this.#head(memory, object, context);
    const written = await this.#write(object, this.#facts(memory, object, head), memory, context);
    if (!written) return { kind: 'again', afterMs: CONFLICT_PAUSE_MS };
    return {
      kind: 'again',
      afterMs: Math.max(1, memory.headAtMs + pauseMs(head) - this.#ports.clock.monotonicMs()),
    };
  }

  #facts(memory: LogMemory, object: KubeObject, head: HeadLook): LogFacts {
    const nowMs = this.#ports.clock.monotonicMs();
    const raw = rawHints(object);
    if (memory.hints && !equal(memory.hints, raw)) memory.hintsChangedAtMs = nowMs;
    memory.hints = raw;
    const changedAtMs = memory.hintsChangedAtMs;
    const fresh = head !== memory.head; // an age alone is no reason to write
    const told = asLog(object).status?.hintsAgeSeconds;
    const hintsAgeSeconds =
      fresh && changedAtMs !== undefined ? Math.round((nowMs - changedAtMs) / 1000) : told;
    memory.head = head;
    return { head, hints: readHints(object), hintsAgeSeconds };
  }

  /** Where the log ends, from memory unless a look is due (G3). */
  async #head(memory: LogMemory, object: KubeObject, context: ReconcileContext): Promise<HeadLook> {
    const { caches, clock } = this.#ports;
    const log = asLog(object);
    const storeKey = `${log.metadata.namespace}/${log.spec.storeRef.name}`;
    const found = caches.stores.get(storeKey);
    if (!found) return blocked('StoreMissing', `There is no JournalStore ${storeKey}; create it.`);
    const store = asStore(found);
    const ready = store.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (ready?.status !== 'True' || store.status?.url === undefined)
      return blocked('StoreNotReady', `JournalStore ${storeKey} is not ready.`);
    const held = memory.head;
    const due = clock.monotonicMs() - memory.headAtMs >= (held ? pauseMs(held) : 0);
    if (held && held.kind !== 'blocked' && !due) return held;
    memory.headAtMs = clock.monotonicMs();
    return await this.#list(store, store.status.url, object, context);
  }

  async #list(
    store: ReturnType<typeof asStore>,
    url: string,
    object: KubeObject,
    { signal }: ReconcileContext,
  ): Promise<HeadLook> {
    const { spec, status } = asLog(object);
    const limit = deadline(this.#ports.clock, LIST_MS, 'a look at the head of the log', signal);
    try {
      const opened = openFor(this.#opener, url, await readCredentials(this.#ports.kube, store, limit.signal));
      try {
        const journal = { store: opened, name: spec.journal, generation: status!.generation! };
        return { kind: 'seen', head: await estimateHead(journal, limit.signal) };
      } finally {
        await opened.close();
      }
    } catch (thrown) {
      if (isAbortOf(signal, thrown)) throw thrown;
      const error = ensureError(thrown);
      const damaged = errorCode(error) === 'CORRUPT_SLOT';
      if (!damaged) return blocked('StoreUnreachable', error.message);
      return { kind: 'failed', reason: 'SlotCorrupt', message: error.message };
    } finally {
      limit.clear();
    }
  }

  /** The object as written; undefined when somebody else was faster. */
  async #write(
    object: KubeObject,
    facts: LogFacts,
    memory: LogMemory,
    { signal, log }: ReconcileContext,
  ): Promise<KubeObject | undefined> {
    const { kube, clock, events } = this.#ports;
    const next = nextLogStatus(asLog(object), statusOf(object), facts, timestamp(clock));
    const write = await writeStatus(kube, KINDS.recoveryLog, object, next, signal);
    if (write.kind === 'conflict') return undefined;
    const now = write.kind === 'written' ? write.object : object;
    if (write.kind === 'written') this.#logs.wrote(now);
    const ready = asLog(now).status?.conditions?.find((condition) => condition.type === 'Ready');
    if (ready && memory.ready !== ready.reason) {
      memory.ready = ready.reason;
      if (ready.status === 'False') {
        events.tell(KINDS.recoveryLog, now, {
          type: 'Warning',
          reason: ready.reason,
          message: ready.message,
        });
        log.warn('a log is not as it should be', { reason: ready.reason, why: ready.message });
      }
    }
    return now;
  }

  #memory(key: string): LogMemory {
    const known = this.#memories.get(key);
    if (known) return known;
    const fresh: LogMemory = {
      head: undefined,
      headAtMs: -Infinity,
      hints: undefined,
      hintsChangedAtMs: undefined,
      ready: '',
    };
    this.#memories.set(key, fresh);
    return fresh;
  }
}

function blocked(reason: string, message: string): HeadLook {
  return { kind: 'blocked', reason, message };
}

function pauseMs(head: HeadLook): number {
  return head.kind === 'seen' && head.head > 0 ? HEAD_MS : UNKNOWN_HEAD_MS;
}

/** The controller, with its subscriptions in place. */
export function logController(options: LogControllerOptions): Controller {
  const { ports } = options;
  const { caches } = ports;
  const reconciler = new LogReconciler(options);
  const controller = new Controller({
    name: 'recoverylogs',
    reconcile: (key, context) => reconciler.reconcile(key, context),
    clock: ports.clock,
    random: ports.random,
    log: ports.log,
    metrics: ports.metrics,
  });
  caches.logs.subscribe((change) => {
    if (change.kind === 'updated') {
      const { old, object: now } = change;
      if (old.metadata.generation === now.metadata.generation && equal(rawHints(old), rawHints(now))) return;
    }
    controller.enqueue(change.key);
  });
  caches.stores.subscribe((change) => {
    for (const log of caches.logs.byIndex(BY_STORE, change.key))
      controller.enqueue(`${log.metadata.namespace}/${log.metadata.name}`);
  });
  return controller;
}
