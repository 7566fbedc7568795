/**
 * Runs a target on mutated inputs until time or executions are over, or a property breaks.
 *
 * Z1  By its seed a run is the same each time, but for how far a time limit lets it come: execution n has the same input.
 * Z2  An input that comes to a new outcome joins those that are mutated: the stand-in for coverage.
 * Z3  A claim of length must not be believed: an execution may allocate a small multiple of its input and no more. It may not take long either.
 */
import { performance } from 'node:perf_hooks';
import { ensureError } from '../../src/base/index.ts';
import { seededRandom } from '../../src/base/testing/index.ts';
import { MAX_INPUT_BYTES, mutate } from './mutate.ts';
import { Violation, type Target } from './target.ts';

/** Z3: buffers of one execution, beyond which a length was believed. Decoders copy their input a few times; a mebibyte is for pools of the runtime. */
const ALLOWED_BYTES: number = 2 * 1024 * 1024 + 64 * MAX_INPUT_BYTES;
/** Z3: far beyond what any decoder needs for so little, and beyond a pause of a busy machine. */
const SLOW_MS = 5_000;
/** Z2: enough that every outcome stays, few enough that each is returned to. */
const MAX_CORPUS = 2_000;

export interface FuzzOptions {
  readonly seed: number;
  /** Whichever comes first. */
  readonly executions?: number;
  readonly seconds?: number;
  /** Told of each input before it runs, so that a hang can be laid to it. */
  readonly before?: (input: Uint8Array) => void;
}

export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  readonly executions: number;
  /** How many inputs came to each outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failure:
    | { readonly input: Uint8Array; readonly execution: number; readonly error: Error }
    | undefined;
}

/** One input through a target. @throws when a property breaks (Z3 among them) */
export async function execute(target: Target, input: Uint8Array, seed: number): Promise<string> {
  const startedMs = performance.now();
  const before = process.memoryUsage().arrayBuffers;
  const outcome = await target.check(input.slice(), seededRandom(seed));
  const grown = process.memoryUsage().arrayBuffers - before;
  if (grown > ALLOWED_BYTES)
    throw new Violation(`${grown} bytes of memory for ${input.length} bytes of input`);
  const tookMs = performance.now() - startedMs;
  if (tookMs > SLOW_MS) throw new Violation(`${Math.round(tookMs)} ms for ${input.length} bytes of input`);
  return outcome;
}

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, executions = Infinity, seconds = Infinity } = options;
  const random = seededRandom(seed);
  const corpus = (await target.corpus()).map((input) => input.subarray(0, MAX_INPUT_BYTES));
  const given = corpus.length;
  const outcomes = new Map<string, number>();
  const deadlineMs = performance.now() + seconds * 1000;
  let done = 0;
  for (; done < executions && performance.now() < deadlineMs; done++) {
    const fresh = done < given ? corpus[done]! : undefined;
    const input = fresh ?? mutate(random.pick(corpus), random.pick(corpus), random);
    if (fresh === undefined && random.chance(0.7)) target.repair?.(input);
    options.before?.(input);
    try {
      const outcome = await execute(target, input, seed);
      const seen = outcomes.get(outcome) ?? 0;
      outcomes.set(outcome, seen + 1);
      if (seen === 0 && fresh === undefined && corpus.length < MAX_CORPUS) corpus.push(input); // Z2
    } catch (cause) {
      return {
        target: target.name,
        seed,
        executions: done + 1,
        outcomes,
        failure: { input, execution: done, error: ensureError(cause) },
      };
    }
  }
  return { target: target.name, seed, executions: done, outcomes, failure: undefined };
}
