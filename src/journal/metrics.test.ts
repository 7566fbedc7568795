/**
 * Every figure that issue 4 asks of a journal, after a story that gives each of them something to count, as Prometheus would read it; and the page that
 * lists them against the code.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createMetrics, type MetricOptions, type Metrics } from '../base/index.ts';
import { openStore } from '../store/index.ts';
import { journalMetrics } from './metrics.ts';
import { JournalReader } from './index.ts';
import { CHAPTERS, Lab, NO_PAST, undisturbed, type Past } from './testing/index.ts';

const PAGE = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

/** Sample values by series, as `name{label="value"}`. */
async function samplesOf(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('after a story of five sessions', () => {
  let samples: ReadonlyMap<string, number>;
  let past: Past = NO_PAST;
  const at = (series: string): number => samples.get(`holdfast_journal_${series}`) ?? Number.NaN;

  beforeAll(async () => {
    const metrics = createMetrics();
    const figures = journalMetrics(metrics);
    for (const chapter of CHAPTERS) past = (await undisturbed(chapter, past, figures)).past;
    samples = await samplesOf(metrics);
  });

  test('commits, bytes and batch sizes are those that were acknowledged', () => {
    const acknowledged = past.told.filter(({ outcome }) => outcome === 'acknowledged');
    const bytes = acknowledged.reduce((sum, { text }) => sum + text.length, 0);
    expect(at('committed_bytes_total')).toBe(bytes);
    expect(at('stored_bytes_total')).toBe(bytes); // nothing of it is large enough to be compressed
    expect(at('commits_total')).toBeGreaterThan(30);
    expect(at('commits_total')).toBeLessThan(acknowledged.length); // some were committed together
    expect(at('batch_bytes_count')).toBe(at('commits_total'));
    expect(at('batch_bytes_sum')).toBe(bytes);
  });

  test('latencies are measured from the first PUT on', () => {
    expect(at('commit_seconds_count')).toBe(at('commits_total'));
    expect(at('commit_seconds_sum')).toBeGreaterThan(0.004 * at('commits_total')); // a request takes 4 ms and more
  });

  test.each([
    ['retries_total{cause="STORE_UNREACHABLE"}', 2], // the answers that were lost
    ['retries_total{cause="STORE_CONFLICT"}', 1],
    ['retries_total{cause="STORE_TIMEOUT"}', 2], // the store that was silent
    ['retries_total{cause="STORE_THROTTLED"}', 0],
    ['ambiguity_resolved_total', 2],
    ['fences_total{outcome="won"}', 7],
    ['leap_fences_total', 1],
    ['fenced_total', 1],
    ['read_proofs_total{by="get"}', 2],
    ['compaction_seconds_count', 2],
  ])('%s is %i', (series, value) => {
    expect(at(series)).toBe(value);
  });

  test.each([
    'fences_total{outcome="lost"}',
    'fillers_total',
    'slots_read_total',
    'read_bytes_total',
    'compacted_bytes_total',
    'pruned_bytes_total',
    'reclaimed_objects_total{kind="slot"}',
    'reclaimed_objects_total{kind="fragment"}',
    'compaction_seconds_sum',
    'content_bytes{place="fragments"}',
  ])('%s was counted', (series) => {
    expect(at(series)).toBeGreaterThan(0);
  });

  test('live and pruned content together are what the session that compacted last had written', () => {
    const [slots, fragments, pruned] = ['slots', 'fragments', 'pruned'].map((place) =>
      at(`content_bytes{place="${place}"}`),
    );
    expect(pruned).toBe(at('pruned_bytes_total'));
    expect(fragments! + pruned!).toBe(at('compacted_bytes_total'));
    expect(slots).toBe(0); // it looked last before the next was appended
  });

  test('every series of the journal is in the page, with no other labels than it lists', () => {
    for (const [series] of samples) {
      for (const [, label, value] of series.matchAll(/(\w+)="([^"]*)"/g))
        if (label !== 'le') expect(listed.get(label!)).toContain(value);
    }
  });
});

test('what a reader lags behind is what it knows to be there, until it is at the tail', async () => {
  let past: Past = NO_PAST;
  for (const chapter of CHAPTERS.slice(0, 3)) past = (await undisturbed(chapter, past)).past;
  const metrics = createMetrics();
  const lab = new Lab(past, undefined, journalMetrics(metrics));
  const { clock, random } = lab;
  const lag = async (): Promise<number> =>
    (await samplesOf(metrics)).get('holdfast_journal_lag_bytes') ?? Number.NaN;
  const story = async (): Promise<void> => {
    await lab.furnish();
    const reader = new JournalReader(
      { store: lab.store, name: 'test/crash', generation: 'g1' },
      { clock, random, metrics: lab.metrics },
    );
    const lags: number[] = [];
    for (let event = await reader.next(); event.kind !== 'tail'; event = await reader.next())
      if (event.kind === 'data') lags.push((await lag()) + event.end);
    expect(new Set(lags.slice(0, 3))).toEqual(new Set([reader.plan!.index.end]));
    expect(await lag()).toBe(0);
  };
  await clock.run(story());
});

test('a compaction that fails is counted by its cause', async () => {
  const metrics = createMetrics();
  const lab = new Lab(NO_PAST, undefined, journalMetrics(metrics));
  const story = async (): Promise<void> => {
    await lab.furnish();
    const life = lab.life('a', 1);
    await life.read();
    await life.open({ term: 1, author: 1 });
    const denied = { kind: 'status', status: 403 } as const;
    lab.store.add({ operation: 'create', key: /\.raw$/, times: 1, fault: denied });
    life.compact({ intervalMs: 1000 });
    await life.write(2);
    await lab.clock.sleep(20_000);
  };
  await lab.clock.run(story());
  const samples = await samplesOf(metrics);
  expect(samples.get('holdfast_journal_compaction_failures_total{cause="STORE_DENIED"}')).toBe(1);
  expect(samples.get('holdfast_journal_compaction_seconds_count')).toBe(1); // it began anew
});

interface Declared extends MetricOptions {
  readonly kind: 'counter' | 'gauge' | 'histogram';
}

/** What the code of both rooms declares. */
const declared: Declared[] = [];
const recorder: Metrics = {
  counter: (options) => (declared.push({ ...options, kind: 'counter' }), { add: () => undefined }),
  gauge: (options) => (declared.push({ ...options, kind: 'gauge' }), { set: () => undefined }),
  histogram: (options) => (declared.push({ ...options, kind: 'histogram' }), { observe: () => undefined }),
  render: () => Promise.resolve(''),
  contentType: '',
};
journalMetrics(recorder);
await openStore('memory:', { metrics: recorder }).close();

/** Values of every label, as the page lists them. */
const listed = new Map(
  [...PAGE.matchAll(/^\| `(\w+)` +\| (`.*) \|$/gm)].map(([, label, values]) => [
    label!,
    [...values!.matchAll(/`([^`]+)`/g)].map(([, value]) => value),
  ]),
);

describe('docs/metrics.md', () => {
  test('lists what the code declares, in its words', () => {
    const cells = (line: string): string =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .join('|');
    const rows = PAGE.split('\n').filter((line) => line.startsWith('| `holdfast_'));
    const expected = declared.map(
      ({ name, kind, labels = [], help }) =>
        `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
    );
    expect(rows.map(cells).sort()).toEqual(expected.map(cells).sort());
  });

  test('lists the values of every label', () => {
    const labels = new Set(declared.flatMap((each) => each.labels ?? []));
    expect([...listed.keys()].sort()).toEqual([...labels].sort());
  });

  test.each(declared.map((each) => [each.name, each] as const))(
    '%s has the unit and the form that Prometheus asks for',
    (name, { kind, help }) => {
      expect(name).toMatch(/^holdfast_(journal|store)_[a-z_]+$/);
      expect(name).toMatch({ counter: /_total$/, gauge: /_bytes$/, histogram: /_(bytes|seconds)$/ }[kind]);
      expect(name).not.toMatch(/_(ms|millis|kb|mb|count|sum|bucket)(_|$)/);
      expect(help).toMatch(/^[A-Z].*\.$/s);
    },
  );
});
