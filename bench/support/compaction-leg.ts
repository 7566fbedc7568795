/**
 * One compaction of a journal, or its floor, in a process of its own so that its memory is its own: run with a task as JSON in argv, answers with a result
 * as JSON on stdout. Credentials come from the environment. Wants --expose-gc.
 *
 * 1. The figures are of the compaction alone: from when it begins, behind a collection of the garbage of reaching the tail, to when its last fragment is
 *    verified. It is ended there: nothing is published, and the journal is as it was, once the new objects are gone.
 * 2. The floor reads the same slots, as many at a time, and writes them in objects as large as fragments; it digests, compresses and verifies nothing.
 * 3. Memory is looked at every second tick, and told above what the process has before it does anything. A pause is how late a tick comes, which on a busy
 *    machine is also the doing of others; so the time of its own processor that the event loop's thread used between two ticks is told too.
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
  /** Processor time of all threads, s for each GiB. */
  readonly cpuSecondsPerGib: number;
  /** MiB: what an idle process has, the most that was there above it, and the most of the whole process. */
  readonly idle: number;
  readonly heapPeak: number;
  readonly rssPeak: number;
  /** ms: how late ticks came, and how much the thread worked between two of them beyond the time of a tick. */
  readonly pauseP99: number;
  readonly pauseMax: number;
  readonly workP99: number;
  readonly workMax: number;
}

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TICK_MS = 5;
const FRAGMENT_BYTES = 64 * MIB;
/** As compact.ts. */
const SLOTS_IN_FLIGHT = 8;

function collectGarbage(): void {
  (globalThis as { gc?: () => void }).gc!();
}

/** JavaScript's memory, buffers included: `external` has them in it. */
function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Processor time of this thread, ms. */
function workedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Looks at this process from now on (3). */
function watch(bytes: number, idle: number): () => CompactionResult {
  collectGarbage();
  let [heapPeak, rssPeak] = [held(), process.memoryUsage.rss()];
  const [pauses, works]: [number[], number[]] = [[], []];
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  let [lastMs, lastWorkedMs] = [startMs, workedMs()];
  const timer = setInterval(() => {
    const [nowMs, nowWorkedMs] = [performance.now(), workedMs()];
    pauses.push(Math.max(0, nowMs - lastMs - TICK_MS));
    works.push(Math.max(0, nowWorkedMs - lastWorkedMs - TICK_MS));
    [lastMs, lastWorkedMs] = [nowMs, nowWorkedMs];
    if (pauses.length % 2 === 0) return;
    heapPeak = Math.max(heapPeak, held());
    rssPeak = Math.max(rssPeak, process.memoryUsage.rss());
  }, TICK_MS);
  return () => {
    const tookMs = performance.now() - startMs;
    clearInterval(timer);
    const { user, system } = process.cpuUsage(cpu);
    const [late, work] = [summarize(pauses), summarize(works)];
    return {
      mibPerSecond: mibPerSecond(bytes, tookMs),
      cpuSecondsPerGib: rounded(((user + system) / 1e6 / bytes) * GIB, 2),
      idle: rounded(idle / MIB, 1),
      heapPeak: rounded((Math.max(heapPeak, held()) - idle) / MIB, 1),
      rssPeak: rounded(rssPeak / MIB, 1),
      pauseP99: rounded(late.p99, 1),
      pauseMax: rounded(late.max, 1),
      workP99: rounded(work.p99, 1),
      workMax: rounded(work.max, 1),
    };
  };
}

async function floorOf(store: ObjectStore, task: CompactionTask, idle: number): Promise<CompactionResult> {
  const end = watch(task.bytes, idle);
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

async function compactionOf(
  store: ObjectStore,
  task: CompactionTask,
  idle: number,
): Promise<CompactionResult> {
  const over = new AbortController();
  let end: (() => CompactionResult) | undefined;
  let result: CompactionResult | undefined;
  const onStep = (step: CompactStep): void => {
    if (step.kind !== 'compacting') return;
    if (step.bytes === 0) end = watch(step.totalBytes, idle);
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
  await store.head(task.name); // what the client loads for its first request
  collectGarbage();
  const leg = task.leg === 'floor' ? floorOf : compactionOf;
  const result = await leg(store, task, held());
  await store.close();
  process.stdout.write(JSON.stringify(result));
}
