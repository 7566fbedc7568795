/**
 * holdfast store probe: is this store fit for a journal?
 *
 * 1. Stdout holds the result and nothing else; how far it is goes to stderr.
 * 2. The exit code: EXIT.ok for a store that is fit; EXIT.storeRefused for one that breaks a promise or cannot be used; EXIT.configuration for a
 *    URL that is none; EXIT.internal for anything else, an interruption among it.
 */
import { EXIT, type ExitCode } from '../api/index.ts';
import { ensureError, errorCode, systemClock, systemRandom } from '../base/index.ts';
import { openStore, probeStore, StoreError, type ProbeReport } from '../store/index.ts';
import { probeProgress } from './probe-progress.ts';
import { renderReport } from './probe-report.ts';

export interface ProbeCommand {
  readonly json: boolean;
  /** Rounds of the latency measurement. */
  readonly rounds: number;
  /** Ends the probe early; it still cleans up. */
  readonly signal: AbortSignal;
}

/** Where nothing tells how wide the output is. */
const DEFAULT_WIDTH = 120;

/** Prints the report; @returns the exit code (2). */
export async function probe(url: string, command: ProbeCommand): Promise<ExitCode> {
  try {
    const { report, shownUrl } = await look(url, command);
    console.log(
      command.json
        ? JSON.stringify({ url: shownUrl, ...report })
        : renderReport(shownUrl, report, {
            width: process.stdout.columns ?? DEFAULT_WIDTH,
            colour: process.stdout.isTTY && !process.env['NO_COLOR'],
          }),
    );
    return report.ok ? EXIT.ok : EXIT.storeRefused;
  } catch (thrown) {
    const error = ensureError(thrown);
    const code = command.signal.aborted ? 'INTERRUPTED' : (errorCode(error) ?? 'INTERNAL');
    const message = command.signal.aborted
      ? 'The probe was interrupted before its verdict; what it had made was removed.'
      : error.message;
    if (command.json) console.log(JSON.stringify({ url, ok: false, error: { code, message } }));
    else console.error(`${code}: ${message}`);
    if (code === 'STORE_URL_INVALID') return EXIT.configuration;
    return error instanceof StoreError && !command.signal.aborted ? EXIT.storeRefused : EXIT.internal;
  }
}

async function look(
  url: string,
  { rounds, signal }: ProbeCommand,
): Promise<{ report: ProbeReport; shownUrl: string }> {
  const store = openStore(url);
  const progress = probeProgress(process.stderr, systemClock);
  try {
    const report = await probeStore(store, {
      clock: systemClock,
      random: systemRandom,
      signal,
      latencyRounds: rounds,
      onProgress: (step) => progress.show(step),
    });
    return { report, shownUrl: store.url };
  } finally {
    progress.end();
    await store.close();
  }
}
