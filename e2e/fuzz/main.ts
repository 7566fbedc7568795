/**
 * npm run fuzz -- TARGET|all --seconds S --seed N: mutated inputs through a decoder until the time is over or a property breaks; without a seed, the time is
 * one. A failing input is written to fuzz-failures/, with how to replay it: npm run fuzz -- TARGET --replay FILE.
 *
 * M1  The target runs in a thread of its own, and every input is put where this one sees it before it runs: one that hangs or takes the thread's memory is
 *     a failing input like any other.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { sha256Hex, toHex } from '../../src/base/index.ts';
import { hexInput } from './corpus.ts';
import { execute, fuzz } from './fuzz.ts';
import { MAX_INPUT_BYTES } from './mutate.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';

/** M1: no execution takes this long; a thread that shows no new input for so long hangs. */
const HANG_MS = 20_000;
const LOOK_MS = 1_000;
/** M1: heap of the thread, MiB. */
const HEAP_MIB = 512;
const FAILURES = 'fuzz-failures';

interface Order {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  /** Number of the execution and length of its input, then the input. */
  readonly shared: SharedArrayBuffer;
}

type Told =
  | { readonly kind: 'done'; readonly executions: number; readonly outcomes: number }
  | { readonly kind: 'failed'; readonly execution: number; readonly input: Uint8Array; readonly why: string };

function targetOf(name: string): Target {
  const found = TARGETS.find((each) => each.name === name);
  if (!found)
    throw new Error(`there is no target ${name}; there are: ${TARGETS.map((each) => each.name).join(', ')}`);
  return found;
}

/** In the thread. */
async function work({ target, seed, seconds, shared }: Order): Promise<Told> {
  const [counts, bytes] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, 8)];
  const report = await fuzz(targetOf(target), {
    seed,
    seconds,
    before: (input) => {
      bytes.set(input);
      Atomics.store(counts, 1, input.length);
      Atomics.add(counts, 0, 1);
    },
  });
  const { failure, executions, outcomes } = report;
  if (!failure) return { kind: 'done', executions, outcomes: outcomes.size };
  const { input, execution, error } = failure;
  return { kind: 'failed', execution, input, why: error.stack ?? error.message };
}

/** Runs a target in its thread and watches it (M1). */
async function watched(target: string, seed: number, seconds: number): Promise<Told> {
  const shared = new SharedArrayBuffer(8 + MAX_INPUT_BYTES);
  const counts = new Int32Array(shared, 0, 2);
  const order: Order = { target, seed, seconds, shared };
  const thread = new Worker(new URL(import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });
  const now = (why: string): Told => {
    const input = new Uint8Array(shared, 8).slice(0, Atomics.load(counts, 1));
    return { kind: 'failed', execution: Atomics.load(counts, 0) - 1, input, why };
  };
  let seen = -1;
  let seenMs = Date.now();
  return await new Promise<Told>((resolve) => {
    const look = setInterval(() => {
      const count = Atomics.load(counts, 0);
      if (count !== seen) [seen, seenMs] = [count, Date.now()];
      else if (Date.now() - seenMs > HANG_MS) finish(now(`no end after ${HANG_MS} ms`));
    }, LOOK_MS);
    const finish = (told: Told): void => {
      clearInterval(look);
      void thread.terminate().then(() => resolve(told)); // never rejects
    };
    thread.once('message', finish);
    thread.once('error', (error) => finish(now(`the thread ended: ${error.stack ?? error.message}`)));
  });
}

/** Writes the failing input; returns what to tell. */
async function keep(target: string, seed: number, told: Extract<Told, { kind: 'failed' }>): Promise<string> {
  const file = join(FAILURES, `${target}-${sha256Hex(told.input).slice(0, 12)}.hex`);
  await mkdir(FAILURES, { recursive: true });
  const story = `${target}, seed ${seed}, execution ${told.execution}: ${told.why}`;
  await writeFile(
    file,
    `${story.replaceAll(/^/gm, '# ')}\n${toHex(told.input).replaceAll(/.{120}/g, '$&\n')}\n`,
  );
  return [
    story,
    `input: ${file} (${told.input.length} bytes)`,
    `replay it: npm run fuzz -- ${target} --replay ${file}`,
    `once it is mended, keep it: move it to e2e/fuzz/kept/${target}/, with its story in the lines that begin with #`,
  ].join('\n');
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
      replay: { type: 'string' },
    },
  });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) {
    console.error(
      `usage: npm run fuzz -- TARGET|all [--seconds S] [--seed N] [--replay FILE]\n  ${TARGETS.map((each) => each.name).join('\n  ')}`,
    );
    return 2;
  }
  const [seed, seconds] = [Number(values.seed), Number(values.seconds)];
  if (values.replay !== undefined) {
    const outcome = await execute(targetOf(name), hexInput(await readFile(values.replay, 'utf8')), seed);
    console.log(`every property holds; what came of it: ${outcome}`);
    return 0;
  }
  let failed = 0;
  for (const { name: target } of name === 'all' ? TARGETS : [targetOf(name)]) {
    const told = await watched(target, seed, seconds);
    if (told.kind === 'failed') failed++;
    console.log(
      told.kind === 'done'
        ? `${target.padEnd(18)} ${told.executions} executions, ${told.outcomes} outcomes, seed ${seed}: every property held`
        : await keep(target, seed, told),
    );
  }
  return failed === 0 ? 0 : 1;
}

if (isMainThread) process.exitCode = await main();
else parentPort!.postMessage(await work(workerData as Order));
