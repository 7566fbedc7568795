/**
 * One journal on an in-memory store that answers after LATENCY_MS of virtual time and fails exactly as told.
 */
import { systemClock, type Clock } from '../../base/index.ts';
import { seededRandom, VirtualClock, type SeededRandom } from '../../base/testing/index.ts';
import {
  copyOf,
  StoreError,
  type Body,
  type CreateOutcome,
  type GetCall,
  type ListCall,
  type ListPage,
  type ObjectStore,
  type StoreCall,
  type StoredObject,
} from '../../store/index.ts';
import type { Journal } from '../names.ts';
import { JournalReader, type JournalEvent } from '../read/reader.ts';

/** What happens to one PUT: its answer is lost, it never arrives, the store is busy, or says no for good. */
export type CreateFault = 'lost-answer' | 'lost-request' | 'busy' | 'denied' | 'ok';

/** Virtual latency of every request, ms. */
const LATENCY_MS = 10;

class ScriptedStore implements ObjectStore {
  readonly url = 'memory:scripted';
  readonly objects: Map<string, Uint8Array>;
  readonly puts: { key: string; body: Uint8Array; atMs: number }[] = [];
  readonly gets: string[] = [];
  /** LISTs so far. */
  lists = 0;
  faults: CreateFault[] = [];
  /** Reads fail with this until it is cleared. */
  readFault: StoreError | undefined;
  /** Virtual time from a request to its effect, ms. */
  latencyMs: number;
  readonly #clock: Clock;

  constructor(clock: Clock, latencyMs: number, objects: Map<string, Uint8Array> = new Map()) {
    this.#clock = clock;
    this.latencyMs = latencyMs;
    this.objects = objects;
  }

  async create(key: string, given: Body, call: StoreCall = {}): Promise<CreateOutcome> {
    const body = copyOf(given);
    this.puts.push({ key, body, atMs: this.#clock.monotonicMs() });
    const fault = this.faults.shift() ?? 'ok';
    try {
      await this.#clock.sleep(this.latencyMs, call.signal);
    } catch (cause) {
      // The contract of a store: an abort is an outcome, and create never throws.
      const aborted = new StoreError('STORE_ABORTED', 'aborted', { retryable: true, cause });
      return { kind: 'undecided', cause: aborted };
    }
    if (fault === 'denied')
      return { kind: 'refused', cause: new StoreError('STORE_DENIED', 'no', { retryable: false }) };
    if (fault === 'busy')
      return { kind: 'undecided', cause: new StoreError('STORE_CONFLICT', '409', { retryable: true }) };
    const gone = {
      kind: 'undecided',
      cause: new StoreError('STORE_UNREACHABLE', 'reset', { retryable: true }),
    } as const;
    if (fault === 'lost-request') return gone;
    const taken = this.objects.has(key);
    if (!taken) this.objects.set(key, body);
    if (fault === 'lost-answer') return gone;
    return { kind: taken ? 'exists' : 'created' };
  }

  async get(key: string, call: GetCall = {}): Promise<StoredObject | undefined> {
    this.gets.push(key);
    await this.#clock.sleep(this.latencyMs, call.signal);
    if (this.readFault) throw this.readFault;
    const body = this.objects.get(key);
    return (
      body && {
        body: body.slice(call.range?.start ?? 0, call.range?.end),
        size: body.length,
        lastModifiedMs: undefined,
      }
    );
  }

  async head(
    key: string,
    call?: StoreCall,
  ): Promise<{ key: string; size: number; lastModifiedMs: undefined } | undefined> {
    const found = await this.get(key, call);
    return found && { key, size: found.size, lastModifiedMs: undefined };
  }

  async list(prefix: string, call: ListCall = {}): Promise<ListPage> {
    this.lists++;
    await this.#clock.sleep(this.latencyMs, call.signal);
    if (this.readFault) throw this.readFault;
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > (call.startAfter ?? ''))
      .sort();
    const page = keys.slice(0, call.limit ?? 1000);
    return {
      objects: page.map((key) => ({ key, size: 0, lastModifiedMs: undefined })),
      truncated: page.length < keys.length,
    };
  }

  async delete(key: string): Promise<void> {
    this.objects.delete(key);
  }

  async close(): Promise<void> {
    // nothing is held open
  }
}

export interface CalmJournal<C extends Clock = VirtualClock> {
  readonly clock: C;
  readonly random: SeededRandom;
  readonly store: ScriptedStore;
  readonly journal: Journal;
  /** A reader of the journal from its beginning, or from a byte. */
  reader(options?: { readonly from?: number }): JournalReader;
  /** Another process's way to the same objects, nearer to them or further away, with faults of its own. */
  client(latencyMs: number): { readonly store: ScriptedStore; readonly journal: Journal };
}

function journalOn<C extends Clock>(clock: C, latencyMs: number, seed: number, name: string): CalmJournal<C> {
  const random = seededRandom(seed);
  const store = new ScriptedStore(clock, latencyMs);
  const journal: Journal = { store, name, generation: 'g1' };
  const reader: CalmJournal['reader'] = (options) =>
    new JournalReader(journal, { clock, random, ...options });
  const client: CalmJournal['client'] = (otherMs) => {
    const other = new ScriptedStore(clock, otherMs, store.objects);
    return { store: other, journal: { ...journal, store: other } };
  };
  return { clock, random, store, journal, reader, client };
}

/** Under virtual time. */
export function calmJournal(seed = 1): CalmJournal {
  return journalOn(new VirtualClock(), LATENCY_MS, seed, 'test/journal');
}

/** In real time and without latency: for tests that also use real files. */
export function realTimeJournal(name = 'test/journal'): CalmJournal<Clock> {
  return journalOn(systemClock, 0, 1, name);
}

/** Everything up to the tail, by a fresh reader; and the reader, for its cursor. */
export async function lastSlots(
  calm: Pick<CalmJournal, 'reader'>,
  options?: { readonly from?: number },
): Promise<{ events: JournalEvent[]; reader: JournalReader; text: string }> {
  const reader = calm.reader(options);
  const events: JournalEvent[] = [];
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'tail') break;
    events.push(event);
  }
  const text = events
    .map((event) => (event.kind === 'data' ? new TextDecoder().decode(event.bytes) : ''))
    .join('');
  return { events, reader, text };
}
