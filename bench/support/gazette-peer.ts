/**
 * The peer of the recovery log: a program that runs Gazette's own Recorder and Player over its in-process broker on the same workloads. It is no part of
 * this project: HOLDFAST_GAZETTE_BENCH names it, and without that there is no peer. It starts `etcd`, which has to be on PATH.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** One line of what it measures. */
export interface PeerFigure {
  readonly workload: string;
  /** `record`, `play direct no-hints` and so on. */
  readonly what: string;
  readonly seconds: number;
}

/** The program, if the environment names one. */
export const gazetteBench: string | undefined = process.env['HOLDFAST_GAZETTE_BENCH'];

/** Runs the workloads once, with everything it writes below `scratch`. @throws when the program fails */
export async function runGazetteBench(
  program: string,
  workloads: readonly string[],
  scratch: string,
): Promise<readonly PeerFigure[]> {
  const directory = await mkdtemp(join(scratch, 'peer-'));
  try {
    const out = join(directory, 'figures.jsonl');
    await promisify(execFile)(program, ['-runs', '1', '-dir', directory, '-out', out, ...workloads], {
      cwd: directory,
      env: { ...process.env, TMPDIR: directory, GOMAXPROCS: '2' },
    });
    const lines = (await readFile(out, 'utf8')).trim().split('\n');
    return lines.map((line) => JSON.parse(line) as PeerFigure);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
