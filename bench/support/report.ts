/**
 * What every bench prints and how it ends: the machine, the memory, the figures beside what they have to come to, the JSON.
 *
 * 1. A bench that misses a reach ends with exit code 1; a figure that cannot be measured is an error, never an empty cell.
 * 2. Memory is the most that was seen by looking every SAMPLE_MS: garbage that is not yet collected counts, since it was there.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { boundInWords, reached, rounded, type Reach } from './stats.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const SAMPLE_MS = 20;

const SHM = '/dev/shm';
/** Where files lie in memory, if this machine has such a place. */
export const MEMORY_DIRECTORY: string = existsSync(SHM) ? SHM : tmpdir();

/** Options by their defaults: where the default is a number, a number. */
type Given<Defaults> = { readonly [Name in keyof Defaults]: Defaults[Name] extends number ? number : string };

/**
 * What the command line says, each with a default, and `--json FILE`.
 * @throws RangeError when one that counts something is not a positive number.
 */
export function benchArguments<Defaults extends Readonly<Record<string, number | string>>>(
  defaults: Defaults,
): Given<Defaults> & { readonly json: string | undefined } {
  const names = Object.keys(defaults);
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    },
  });
  const given = values as Readonly<Record<string, string | undefined>>;
  const chosen = names.map((name) => {
    const fallback = defaults[name]!;
    const text = given[name];
    if (text === undefined || typeof fallback === 'string') return [name, text ?? fallback];
    const value = Number(text);
    if (!(value > 0 && value < Number.POSITIVE_INFINITY))
      throw new RangeError(`--${name} is ${text}; give a positive number`);
    return [name, value];
  });
  return { ...(Object.fromEntries(chosen) as Given<Defaults>), json: given['json'] };
}

/** The machine as a report names it, with the load it has right now. */
export function machine(): string {
  const load = loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
  return `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / GIB)} GiB, Node ${process.versions.node}, load ${load}`;
}

/** Most memory seen, MiB. `heap`: what JavaScript holds, buffers included; `rss`: what the process has of the machine. */
export interface PeakMemory {
  readonly heap: number;
  readonly rss: number;
}

/** Watches the memory of this process until `stop` (2). */
export function watchMemory(): { readonly stop: () => PeakMemory } {
  let heap = 0;
  let rss = 0;
  const look = (): void => {
    const now = process.memoryUsage();
    heap = Math.max(heap, now.heapUsed + now.external);
    rss = Math.max(rss, now.rss);
  };
  look();
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return { heap: rounded(heap / MIB, 1), rss: rounded(rss / MIB, 1) };
    },
  };
}

export interface Conclusion {
  readonly bench: string;
  /** Everything measured, as it goes into the JSON. */
  readonly figures: Readonly<Record<string, unknown>>;
  readonly reaches: readonly Reach[];
  readonly memory: PeakMemory;
  readonly json: string | undefined;
}

/** Prints what was reached, writes the JSON, and sets the exit code (1). */
export async function conclude({ bench, figures, reaches, memory, json }: Conclusion): Promise<void> {
  if (reaches.length > 0)
    console.table(
      Object.fromEntries(
        reaches.map((reach) => [
          reach.figure,
          { measured: reach.measured, reach: boundInWords(reach), reached: reached(reach) },
        ]),
      ),
    );
  console.log(`memory at most: heap with buffers ${memory.heap} MiB, process ${memory.rss} MiB`);
  console.log(`${machine()}; npm run bench -- ${[bench, ...process.argv.slice(2)].join(' ')}`);
  if (json !== undefined) {
    const verdicts = reaches.map((reach) => ({ ...reach, reached: reached(reach) }));
    const result = { bench, machine: machine(), ...figures, memoryMiB: memory, reaches: verdicts };
    await writeFile(json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  if (!reaches.every(reached)) process.exitCode = 1;
}
