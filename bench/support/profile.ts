/**
 * Where a leg's processor time goes: CPU profiles of benches' legs, and their summary as a table for a report (docs/reports/profiles).
 *
 *   HOLDFAST_PROFILE_DIR=DIR npm run bench -- recoverylog-play …      each leg leaves a .cpuprofile of its measured time there
 *   node bench/support/profile.ts FILE …                              functions by the time that was spent in themselves, all files together
 */
import { readFile, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { rounded } from './stats.ts';

/** Waiting, and the profiler at its own start and end. */
const NOT_BUSY = ['(idle)', '(root)', 'post node:inspector:115'];
/** Between two samples, µs: five in a millisecond show a leg of 0.2 s without slowing it much. */
const SAMPLE_US = 200;
/** Functions that a summary names; all others together take less than each of these. */
const NAMED = 24;

/** Runs `work`, and leaves a profile of this thread in HOLDFAST_PROFILE_DIR if there is such a directory. */
export async function profiled<T>(work: () => Promise<T>): Promise<T> {
  const directory = process.env['HOLDFAST_PROFILE_DIR'];
  if (directory === undefined) return await work();
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await session.post('Profiler.start');
    const result = await work();
    const { profile } = await session.post('Profiler.stop');
    await writeFile(
      join(directory, `${process.pid}-${Math.round(performance.now())}.cpuprofile`),
      JSON.stringify(profile),
    );
    return result;
  } finally {
    session.disconnect();
  }
}

/** As V8 writes it; times are microseconds. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Microseconds in each function itself. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.replace(/^.*\/(?=src\/|bench\/|node_modules\/)/, '');
      return [id, `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`];
    }),
  );
  const times = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id)!;
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  }
  return times;
}

/** A line a function: share of the busy time, milliseconds, name. */
function summary(profiles: readonly CpuProfile[]): string {
  const all = new Map<string, number>();
  for (const profile of profiles)
    for (const [name, us] of selfTimes(profile)) all.set(name, (all.get(name) ?? 0) + us);
  for (const name of NOT_BUSY) all.delete(name);
  const busy = [...all.values()].reduce((sum, us) => sum + us, 0);
  const lines = [...all]
    .sort(([, a], [, b]) => b - a)
    .slice(0, NAMED)
    .map(([name, us]) => {
      const share = `${rounded((us / busy) * 100, 1).toFixed(1)} %`;
      return `${share.padStart(7)} ${rounded(us / 1000 / profiles.length, 1)
        .toFixed(1)
        .padStart(8)} ms  ${name}`;
    });
  return [`busy ${rounded(busy / 1000 / profiles.length, 0)} ms, mean of ${profiles.length}`, ...lines].join(
    '\n',
  );
}

if (import.meta.main) {
  const files = process.argv.slice(2);
  const profiles = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as CpuProfile),
  );
  console.log(summary(profiles));
}
