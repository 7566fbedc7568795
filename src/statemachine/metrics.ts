/**
 * The metrics of a primary's state machine, created at zero.
 */
import { createMetrics, DURATION_BUCKETS_SECONDS, type Metrics } from '../base/index.ts';

export interface StateMetrics {
  applied(index: number, commands: number): void;
  refused(outcome: 'rejected' | 'unknown', proposals: number): void;
  snapshot(bytes: number, seconds: number): void;
  snapshotFailed(): void;
}

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Metrics in `metrics`, or in a registry that nobody reads. */
export function stateMetrics(metrics: Metrics = createMetrics()): StateMetrics {
  const index = metrics.gauge({
    name: 'holdfast_state_applied_index',
    help: 'Index of the last entry applied.',
  });
  const batch = metrics.histogram({
    name: 'holdfast_state_batch_commands',
    help: 'Commands of one entry.',
    buckets: BATCH_BUCKETS,
  });
  const refused = metrics.counter({
    name: 'holdfast_state_proposals_failed_total',
    help: 'Proposals that got no result, by what is known of them.',
    labels: ['outcome'],
  });
  const seconds = metrics.histogram({
    name: 'holdfast_state_snapshot_seconds',
    help: 'Duration of a snapshot, from its pin to its durability.',
    buckets: DURATION_BUCKETS_SECONDS,
  });
  const bytes = metrics.gauge({ name: 'holdfast_state_snapshot_bytes', help: 'Bytes of the last snapshot.' });
  const failed = metrics.counter({
    name: 'holdfast_state_snapshots_failed_total',
    help: 'Snapshots that were begun and not finished.',
  });
  failed.add(0);
  for (const outcome of ['rejected', 'unknown']) refused.add(0, { outcome });
  return {
    applied: (at, commands) => {
      index.set(at);
      if (commands > 0) batch.observe(commands);
    },
    refused: (outcome, proposals) => refused.add(proposals, { outcome }),
    snapshot: (size, duration) => {
      bytes.set(size);
      seconds.observe(duration);
    },
    snapshotFailed: () => failed.add(1),
  };
}
