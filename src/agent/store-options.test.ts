import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { parseJournalStore, renderCrds } from '../api/index.ts';
import {
  COMPACTOR_OPTION_RANGES,
  compactorOptions,
  COMPRESSIONS,
  DEFAULT_COMPACTOR_OPTIONS,
  DEFAULT_SESSION_OPTIONS,
  SESSION_OPTION_RANGES,
  sessionOptions,
  type SessionOptions,
} from '../journal/index.ts';

interface Property {
  readonly default: unknown;
  readonly type: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

/** What a user may write into a JournalStore, from the CRD that is installed. */
function groupCommitOfCrd(): { properties: Record<string, Property>; rules: string[] } {
  const crd = renderCrds().find(({ file }) => file.includes('journalstores'))!;
  const spec = parse(crd.yaml).spec.versions[0].schema.openAPIV3Schema.properties.spec;
  return {
    properties: spec.properties.groupCommit.properties,
    rules: spec['x-kubernetes-validations'].map(({ rule }: { rule: string }) => rule),
  };
}

const store = (groupCommit: object): { spec: { groupCommit: SessionOptions } } =>
  parseJournalStore({ metadata: { name: 's' }, spec: { s3: { bucket: 'bucket' }, groupCommit } });

/** Whether both sides take the options, or both refuse them. */
function verdict(given: object): string {
  const takes = (work: () => unknown): boolean => {
    try {
      work();
      return true;
    } catch {
      return false;
    }
  };
  const byJournal = takes(() => sessionOptions(given));
  const bySchema = takes(() => store(given));
  return byJournal === bySchema
    ? byJournal
      ? 'taken'
      : 'refused'
    : `journal ${byJournal}, schema ${bySchema}`;
}

describe("a JournalStore's spec.groupCommit and the options of a session", () => {
  const { properties, rules } = groupCommitOfCrd();
  const numbers = Object.entries(SESSION_OPTION_RANGES);

  test('have the same names and defaults', () => {
    expect(store({}).spec.groupCommit).toEqual(DEFAULT_SESSION_OPTIONS);
    const defaults = Object.entries(properties).map(([name, property]) => [name, property.default]);
    expect(Object.fromEntries(defaults)).toEqual(DEFAULT_SESSION_OPTIONS);
  });

  test('have the same ranges', () => {
    const ranges = Object.entries(properties)
      .filter(([, { type }]) => type === 'integer')
      .map(([name, { minimum, maximum }]) => [name, [minimum, maximum]]);
    expect(Object.fromEntries(ranges)).toEqual(SESSION_OPTION_RANGES);
    expect(properties['compression']?.enum).toEqual(COMPRESSIONS);
  });

  test('are what the documentation says', () => {
    const page = readFileSync(new URL('../../docs/group-commit.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \|/gm)];
    expect(Object.fromEntries(rows.map(([, name, value]) => [name, value]))).toEqual(
      Object.fromEntries(
        Object.entries(DEFAULT_SESSION_OPTIONS).map(([name, value]) => [name, String(value)]),
      ),
    );
    for (const [, name, , range] of rows) {
      const { minimum, maximum, enum: names } = properties[name!]!;
      const words = names ?? [String(minimum), String(maximum)];
      expect([name, words.every((word) => range!.includes(word))]).toEqual([name, true]);
    }
  });

  test.each(numbers)('agree at the bounds of %s', (name, [min, max]) => {
    const room = name === 'maxBatchBytes' ? { bufferLimitBytes: 2 ** 30 } : { maxBatchBytes: 1024 };
    const verdicts = [min - 1, min, max, max + 1].map((value) => verdict({ ...room, [name]: value }));
    expect(verdicts).toEqual(['refused', 'taken', 'taken', 'refused']);
  });

  test('agree that the buffer holds a batch, as the API server does', () => {
    expect(verdict({ maxBatchBytes: 65_536, bufferLimitBytes: 65_535 })).toBe('refused');
    expect(verdict({ maxBatchBytes: 65_536, bufferLimitBytes: 65_536 })).toBe('taken');
    expect(rules).toContain('self.groupCommit.bufferLimitBytes >= self.groupCommit.maxBatchBytes');
  });

  test('agree on what is no option', () => {
    expect(verdict({ compression: 'snappy' })).toBe('refused');
    expect(verdict({ flushIntervalMs: '250' })).toBe('refused');
    for (const compression of COMPRESSIONS) expect(verdict({ compression })).toBe('taken');
  });
});

describe("a JournalStore's spec.compaction and the options of a compactor", () => {
  const crd = renderCrds().find(({ file }) => file.includes('journalstores'))!;
  const spec = parse(crd.yaml).spec.versions[0].schema.openAPIV3Schema.properties.spec;
  const properties = Object.entries<Property>(spec.properties.compaction.properties);

  test('have the same names, defaults and ranges', () => {
    const defaults = properties.map(([name, property]) => [name, property.default]);
    expect(Object.fromEntries(defaults)).toEqual(DEFAULT_COMPACTOR_OPTIONS);
    const ranges = properties
      .filter(([, { type }]) => type === 'integer')
      .map(([name, { minimum, maximum }]) => [name, [minimum, maximum]]);
    expect(Object.fromEntries(ranges)).toEqual(COMPACTOR_OPTION_RANGES);
    expect(spec.properties.compaction.properties.compression.enum).toEqual(COMPRESSIONS);
  });

  test('are checked by the journal as by the API server', () => {
    for (const [name, [min, max]] of Object.entries(COMPACTOR_OPTION_RANGES)) {
      for (const value of [min - 1, max + 1, String(min)])
        expect(() => compactorOptions({ [name]: value })).toThrow(name);
      for (const value of [min, max])
        expect(compactorOptions({ [name]: value })).toMatchObject({ [name]: value });
    }
    expect(() => compactorOptions({ compression: 'snappy' as 'zstd' })).toThrow(/compression is snappy/);
  });
});
