import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import {
  parseHeartbeatLine,
  parseJournalStore,
  parseShard,
  renderCrds,
  setCondition,
  type Condition,
} from './index.ts';

const shard = (spec: object) => ({ metadata: { name: 'orders', namespace: 'default' }, spec });

describe('objects at the boundary', () => {
  test('a minimal Shard gets every default', () => {
    const { spec } = parseShard(shard({ storeRef: { name: 's' }, application: { name: 'kv' } }));
    expect(spec).toMatchObject({
      standbys: 1,
      paused: false,
      suspend: false,
      template: {},
      failover: { silenceSeconds: 3, soloSilenceSeconds: 6 },
    });
  });

  test('a JournalStore gets the defaults of group commit', () => {
    const store = parseJournalStore({ metadata: { name: 's' }, spec: { s3: { bucket: 'bucket' } } });
    expect(store.spec.groupCommit).toEqual({
      flushIntervalMs: 250,
      idleFlushMs: 20,
      maxBatchBytes: 4_194_304,
      barrierIntervalMs: 0,
      bufferLimitBytes: 33_554_432,
      giveUpMs: 60_000,
      firstAttemptMs: 2000,
      laterAttemptMs: 4000,
      compression: 'zstd',
      compressAboveBytes: 65_536,
    });
  });

  test('what is wrong is named, every field of it', () => {
    expect(() => parseShard(shard({ storeRef: { name: '' }, standbys: 9, application: {} }))).toThrow(
      /orders.*storeRef\.name.*standbys.*application\.name/s,
    );
    expect(() => parseShard(undefined)).toThrow(/\(unnamed\)/);
  });

  test('a status of a later version keeps what this one does not know', () => {
    const parsed = parseShard({
      ...shard({ storeRef: { name: 's' }, application: { name: 'kv' } }),
      status: { somethingNew: 1 },
    });
    expect(parsed.status).toMatchObject({ somethingNew: 1 });
  });
});

describe('heartbeat lines', () => {
  const line = {
    v: 1,
    pod: 'p',
    uid: 'u',
    shard: 's',
    namespace: 'n',
    state: 'serving',
    term: 3,
    appliedOffset: 1,
    headOffset: 1,
    peers: [],
    uptimeMs: 1,
    eventLoopLagMs: 0,
  };

  test('are read, also with fields that are not known yet', () => {
    expect(parseHeartbeatLine(JSON.stringify({ ...line, later: true }))).toMatchObject({
      ok: true,
      line: { state: 'serving', later: true },
    });
  });

  test.each([
    ['no JSON', 'x', 'not JSON'],
    ['another version', JSON.stringify({ ...line, v: 2 }), 'v:'],
    ['an unknown state', JSON.stringify({ ...line, state: 'dancing' }), 'state:'],
    ['a negative offset', JSON.stringify({ ...line, appliedOffset: -1 }), 'appliedOffset:'],
  ])('that are not are refused: %s', (_what, text, problem) => {
    expect(parseHeartbeatLine(text)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });
});

describe('conditions', () => {
  const ready = (status: Condition['status'], reason: string) => ({
    type: 'Ready',
    status,
    reason,
    message: 'm',
  });

  test('keep the time of the last change of status, and say when nothing changed', () => {
    const first = setCondition([], ready('False', 'Starting'), 1, 't1');
    const second = setCondition(first, ready('False', 'Restoring'), 1, 't2');
    expect(second).toEqual([
      { ...ready('False', 'Restoring'), observedGeneration: 1, lastTransitionTime: 't1' },
    ]);
    expect(setCondition(second, ready('False', 'Restoring'), 1, 't3')).toBe(second);
    expect(setCondition(second, ready('True', 'Serving'), 2, 't4')).toMatchObject([
      { lastTransitionTime: 't4', observedGeneration: 2 },
    ]);
  });
});

describe('custom resource definitions', () => {
  const crds = renderCrds().map(
    ({ yaml }) =>
      parse(yaml) as {
        spec: {
          names: { kind: string; shortNames?: string[] };
          versions: { additionalPrinterColumns: { name: string; priority?: number }[] }[];
        };
      },
  );

  test('are structural: no references, no empty or boolean additionalProperties', () => {
    for (const { yaml } of renderCrds()) {
      expect(yaml).not.toMatch(/\$ref|\$schema/);
      expect(yaml).not.toMatch(/additionalProperties: (\{\}|true|false)/);
    }
  });

  test('show at most seven columns by default, age last', () => {
    for (const crd of crds) {
      const columns = crd.spec.versions[0]!.additionalPrinterColumns;
      expect(columns.filter((column) => !column.priority).length).toBeLessThanOrEqual(7);
      expect(columns.at(-1)!.name).toBe('Age');
    }
  });

  test('have the short names that people type', () => {
    expect(crds.map((crd) => [crd.spec.names.kind, crd.spec.names.shortNames])).toEqual([
      ['JournalStore', ['jstore']],
      ['RecoveryLog', ['rlog']],
      ['Shard', []],
    ]);
  });
});
