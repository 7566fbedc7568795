/**
 * holdfast journal cost: what is there, and what a month of it costs. An estimate, and says so.
 */
import { readFile, stat as statFile } from 'node:fs/promises';
import { EXIT } from '../../api/index.ts';
import { ensureError, HoldfastError } from '../../base/index.ts';
import {
  commitsPerSecond,
  costOf,
  DEFAULT_SESSION_OPTIONS,
  MetricsTextError,
  PRICES,
  PRICES_SOURCE,
  readStoreCounters,
  SECONDS_PER_MONTH,
  usageOf,
  usageOfCounters,
  type Cost,
  type Journal,
  type JournalSummary,
  type Prices,
  type Usage,
} from '../../journal/index.ts';
import { LIST_PAGE_LIMIT } from '../../store/index.ts';
import { formatBytes, formatCount, formatUsd } from '../format.ts';
import { runOnJournal, type CommonOptions } from '../run.ts';
import { compactedOf, summaryOf, type CompactedPart } from './stat.ts';

export interface CostOptions extends CommonOptions {
  /** Content bytes a second. */
  readonly writeRate?: number;
  readonly flushMs: number;
  readonly duty: number;
  readonly standbys: number;
  readonly metrics?: readonly string[];
  readonly metricsSeconds?: number;
  readonly prices: keyof typeof PRICES;
  readonly putPrice?: number;
  readonly getPrice?: number;
  readonly storagePrice?: number;
  readonly uploadPrice?: number;
  readonly downloadPrice?: number;
}

class WriteRateUnknownError extends HoldfastError {
  constructor(journal: string) {
    super(
      'WRITE_RATE_UNKNOWN',
      `Journal ${journal} is too young to tell how it is written: give --write-rate or --metrics.`,
      {
        fields: { journal },
      },
    );
  }
}

/** A history shorter than this tells no rate, ms. */
const MIN_HISTORY_MS = 60_000;

interface Estimate {
  readonly basis: string;
  readonly usage: Usage;
}

/** @returns the exit code */
export async function cost(options: CostOptions): Promise<number> {
  return await runOnJournal(options, async (journal, context) => {
    const compacted = await compactedOf(journal, context);
    const summary = withFragments(await summaryOf(journal, context, compacted), compacted);
    const { basis, usage } = await estimate(journal, summary, options);
    const prices = pricesOf(options);
    const report = { now: asItStands(summary, prices), basis, month: costOf(usage, prices), prices };
    const { name, generation } = journal;
    if (options.json)
      await context.out.json({
        journal: name,
        generation,
        estimate: true,
        ...report,
        pricesOf: options.prices,
        source: PRICES_SOURCE,
      });
    else await context.out.line(text(journal, report, options));
    return EXIT.ok;
  });
}

/** Everything that is stored: slots and the fragments that the newest CHECKPOINT names. */
function withFragments(summary: JournalSummary, compacted: CompactedPart): JournalSummary {
  if (!compacted || 'problem' in compacted) return summary;
  const { fragments, fragmentBytes } = compacted;
  return {
    ...summary,
    objects: summary.objects + fragments,
    objectBytes: summary.objectBytes + fragmentBytes,
  };
}

function pricesOf(options: CostOptions): Prices {
  const list = PRICES[options.prices];
  return {
    putPer1000: options.putPrice ?? list.putPer1000,
    getPer1000: options.getPrice ?? list.getPer1000,
    storageGbMonth: options.storagePrice ?? list.storageGbMonth,
    uploadGb: options.uploadPrice ?? list.uploadGb,
    downloadGb: options.downloadPrice ?? list.downloadGb,
  };
}

async function estimate(journal: Journal, summary: JournalSummary, options: CostOptions): Promise<Estimate> {
  const { writeRate, metrics, flushMs, duty, standbys } = options;
  if (metrics) return await fromMetrics(metrics, options.metricsSeconds, summary);
  if (writeRate !== undefined) {
    const rate = commitsPerSecond(writeRate, flushMs, DEFAULT_SESSION_OPTIONS.maxBatchBytes);
    const storedBytes = summary.objectBytes + growth(writeRate * duty);
    return {
      basis: `${formatBytes(writeRate)}/s in slots every ${Math.round(rate === 0 ? 0 : 1000 / rate)} ms during ${Math.round(duty * 100)} % of the time, ${standbys} standbys`,
      usage: usageOf({ commitsPerSecond: rate, bytesPerSecond: writeRate, duty, standbys, storedBytes }),
    };
  }
  const seconds = historySeconds(journal, summary);
  // Reclaimed slots left their numbers and their content's length behind.
  const slots = ((summary.lastSeq ?? 0) + 1) / seconds;
  const bytes = summary.head / seconds;
  return {
    basis: `as written since the first slot: ${slots.toPrecision(3)} slots and ${formatBytes(bytes)} a second, ${standbys} standbys`,
    usage: usageOf({
      commitsPerSecond: slots,
      bytesPerSecond: bytes,
      duty: 1,
      standbys,
      storedBytes: summary.objectBytes + growth(bytes),
    }),
  };
}

/** What a month at this rate adds, on average over the month, when nothing is pruned. */
function growth(bytesPerSecond: number): number {
  return (bytesPerSecond * SECONDS_PER_MONTH) / 2;
}

/** @throws WriteRateUnknownError */
function historySeconds(journal: Journal, { oldestMs, newestMs, head }: JournalSummary): number {
  const ms = (newestMs ?? 0) - (oldestMs ?? 0);
  if (head === 0 || oldestMs === undefined || ms < MIN_HISTORY_MS)
    throw new WriteRateUnknownError(journal.name);
  return ms / 1000;
}

async function fromMetrics(
  files: readonly string[],
  givenSeconds: number | undefined,
  summary: JournalSummary,
): Promise<Estimate> {
  const usages: Usage[] = [];
  for (const file of files) {
    const { text: page, savedSeconds } = await readPage(file);
    const counters = readStoreCounters(page);
    const seconds = givenSeconds ?? savedSeconds - (counters.startedSeconds ?? Number.NaN);
    usages.push(usageOfCounters(counters, seconds, 0));
  }
  const sum = (of: (usage: Usage) => number): number => usages.reduce((total, usage) => total + of(usage), 0);
  const uploadBytes = sum((usage) => usage.uploadBytes);
  return {
    basis: `the requests that ${files.length} processes counted, continued for a month`,
    usage: {
      puts: sum(({ puts }) => puts),
      lists: sum(({ lists }) => lists),
      gets: sum(({ gets }) => gets),
      uploadBytes,
      downloadBytes: sum(({ downloadBytes }) => downloadBytes),
      storedBytes: summary.objectBytes + uploadBytes / 2,
    },
  };
}

/** @throws MetricsTextError when the file cannot be read. */
async function readPage(file: string): Promise<{ readonly text: string; readonly savedSeconds: number }> {
  try {
    const [page, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), statFile(file)]);
    return { text: page, savedSeconds: mtimeMs / 1000 };
  } catch (error) {
    throw new MetricsTextError(`cannot be read from ${file} (${ensureError(error).message})`);
  }
}

interface Now {
  readonly objects: number;
  readonly bytes: number;
  readonly storageUsdPerMonth: number;
  /** What the PUTs of the objects cost; repeats and reads are not in it. */
  readonly putsUsd: number;
  readonly readOnceUsd: number;
}

function asItStands({ objects, objectBytes }: JournalSummary, prices: Prices): Now {
  const lists = Math.ceil(objects / LIST_PAGE_LIMIT);
  const read = { puts: 0, lists, gets: objects, uploadBytes: 0, downloadBytes: objectBytes, storedBytes: 0 };
  return {
    objects,
    bytes: objectBytes,
    storageUsdPerMonth: (objectBytes / 1e9) * prices.storageGbMonth,
    putsUsd: (objects / 1000) * prices.putPer1000,
    readOnceUsd: costOf(read, prices).usd,
  };
}

function text(
  { name, generation, store }: Journal,
  { now, basis, month }: { readonly now: Now; readonly basis: string; readonly month: Cost },
  options: CostOptions,
): string {
  const overridden = [
    options.putPrice,
    options.getPrice,
    options.storagePrice,
    options.uploadPrice,
    options.downloadPrice,
  ].some((price) => price !== undefined);
  const rows = month.lines
    .filter(({ amount, usd }) => amount > 0 || usd > 0)
    .map(({ what, amount, usd }) => {
      const shown = ['PUT', 'LIST', 'GET'].includes(what) ? formatCount(amount) : formatBytes(amount);
      return `  ${what.padEnd(9)}${shown.padStart(16)}  ${formatUsd(usd).padStart(10)} USD`;
    });
  return [
    `${name}, generation ${generation}, in ${store.url}`,
    `as it stands: ${formatCount(now.objects)} objects, ${formatBytes(now.bytes)}: storage ${formatUsd(now.storageUsdPerMonth)} USD a month; their PUTs cost ${formatUsd(now.putsUsd)} USD; reading all of it once costs ${formatUsd(now.readOnceUsd)} USD`,
    `estimate of a month (${basis}):`,
    ...rows,
    `  ${'total'.padEnd(9)}${' '.repeat(16)}  ${formatUsd(month.usd).padStart(10)} USD`,
    `An estimate. Storage is the month's average if nothing is pruned. Prices: ${options.prices}, ${PRICES_SOURCE}${overridden ? ', partly given by you' : ''}.`,
  ].join('\n');
}
