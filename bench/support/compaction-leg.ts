/**
 * One compaction of a journal, or its floor, in a process of its own so that its memory is its own: run with a task as JSON in argv, answers with a result
 * as JSON on stdout. Credentials come from the environment. Wants --expose-gc.
 *
 * 1. The figures are of the compaction alone: from when it begins, behind a collection of the garbage of reaching the tail, to when its last fragment is
 *    verified. It is ended there: nothing is published, and the journal is as it was, once the new objects are gone.
 * 2. The floor reads the same slots, as many at a time, and writes them in objects as large as fragments; it digests, compresses and verifies nothing.
 * 3. Memory is looked at every second tick. A pause is how late a tick comes: what anybody in this process would have waited.
 */
import { pathToFileURL } from 'node:url';
import { compactJournal, slotKey, type CompactStep } from '../../src/journal/index.ts';
import { openStore, type ObjectStore, type StoredObject } from '../../src/store/index.ts';
import { PORTS } from './journal.ts';
import { mibPerSecond, rounded, summarize } from './stats.ts';

export interface CompactionTask {
  /** `floor`, or the codec of the fragments. */
  readonly leg: 'floor' | 'raw' | 'gzip' | 'zstd';
  readonly url: string;
  readonly name: string;
  readonly generation: string;
  /** First and one behind the last slot, and bytes of their content. */
  readonly begin: number;
  readonly end: number;
  readonly bytes: number;
}

export interface CompactionResult {
  readonly mibPerSecond: number;
  /** MiB: what was there when it began, and the most that was there. */
  readonly heapBefore: number;
  readonly heapPeak: number;
  readonly rssPeak: number;
  /** ms */
  readonly pauseP99: number;
  readonly pauseMax: number;
}

const MIB = 1024 * 1024;
const TICK_MS = 5;
const FRAGMENT_BYTES = 64 * MIB;
/** As compact.ts. */
const SLOTS_IN_FLIGHT = 8;

/** Looks at this process from now on (3). */
function watch(bytes: number): () => CompactionResult {
  (globalThis as { gc?: () => void }).gc!();
  const held = (): number => {
    const { heapUsed, external } = process.memoryUsage(); // `external` has the buffers in it
    return heapUsed + external;
  };
  const heapBefore = held();
  let [heapPeak, rssPeak] = [heapBefore, process.memoryUsage.rss()];
  const pauses: number[] = [];
  const startMs = performance.now();
  let lastMs = startMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    pauses.push(Math.max(0, nowMs - lastMs - TICK_MS));
    lastMs = nowMs;
    if (pauses.length % 2 === 0) return;
    heapPeak = Math.max(heapPeak, held());
    rssPeak = Math.max(rssPeak, process.memoryUsage.rss());
  }, TICK_MS);
  return () => {
    const tookMs = performance.now() - startMs;
    clearInterval(timer);
    const { p99, max } = summarize(pauses);
    return {
      mibPerSecond: mibPerSecond(bytes, tookMs),
      heapBefore: rounded(heapBefore / MIB, 1),
      heapPeak: rounded(Math.max(heapPeak, held()) / MIB, 1),
      rssPeak: rounded(rssPeak / MIB, 1),
      pauseP99: rounded(p99, 1),
      pauseMax: rounded(max, 1),
    };
  };
}

async function floorOf(store: ObjectStore, task: CompactionTask): Promise<CompactionResult> {
  const end = watch(task.bytes);
  const ahead: Promise<StoredObject | undefined>[] = [];
  const buffer = Buffer.allocUnsafeSlow(FRAGMENT_BYTES);
  let [filled, written] = [0, 0];
  const write = async (): Promise<void> => {
    const outcome = await store.create(`${task.name}.floor/${written++}`, buffer.subarray(0, filled));
    if (outcome.kind !== 'created') throw new Error(`a create came to ${outcome.kind}`);
    filled = 0;
  };
  for (let seq = task.begin, next = seq; seq < task.end; seq++) {
    for (; next < Math.min(task.end, seq + SLOTS_IN_FLIGHT); next++)
      ahead.push(store.get(slotKey({ ...task, store }, next)));
    const { body } = (await ahead.shift()!)!;
    for (let at = 0; at < body.length;) {
      const part = body.subarray(at, at + FRAGMENT_BYTES - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === FRAGMENT_BYTES) await write();
    }
  }
  if (filled > 0) await write();
  return end();
}

async function compactionOf(store: ObjectStore, task: CompactionTask): Promise<CompactionResult> {
  const over = new AbortController();
  let end: (() => CompactionResult) | undefined;
  let result: CompactionResult | undefined;
  const onStep = (step: CompactStep): void => {
    if (step.kind !== 'compacting') return;
    if (step.bytes === 0) end = watch(step.totalBytes);
    if (step.bytes < step.totalBytes) return;
    result = end!();
    over.abort(new Error('all that is measured is done')); // 1
  };
  const compression = task.leg === 'floor' ? 'raw' : task.leg;
  try {
    const options = { compression, fragmentBytes: FRAGMENT_BYTES };
    await compactJournal({ ...task, store }, { options, onStep, signal: over.signal, ...PORTS });
  } catch (error) {
    if (!result) throw error;
  }
  return result!;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const task = JSON.parse(process.argv[2]!) as CompactionTask;
  const store = openStore(task.url);
  const result = await (task.leg === 'floor' ? floorOf(store, task) : compactionOf(store, task));
  await store.close();
  process.stdout.write(JSON.stringify(result));
}
