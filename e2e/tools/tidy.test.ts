/**
 * Style as a test: what no linter says about a whole repository.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const LONGEST_FILE_LINES = 500;
const LARGEST_BLOB_BYTES = 4 * 1024 * 1024;

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
  .split('\0')
  .filter(Boolean);
const sources = tracked.filter(
  (file) => /^(src|operator|e2e|bench)\/.*\.(ts|mjs)$/.test(file) && !file.includes('/gen/'),
);
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

describe('every source file', () => {
  test.each([[LONGEST_FILE_LINES]])('has at most %i lines', (limit) => {
    expect(sources.filter((file) => read(file).split('\n').length > limit + 1)).toEqual([]);
  });

  test('opens with a header that says what it owns', () => {
    const bare = sources.filter(
      (file) => !file.endsWith('.test.ts') && !/^(#!.*\n)?(\/\*\*|\/\/)/.test(read(file)),
    );
    expect(bare).toEqual([]);
  });

  test('names an owner with every TODO, and focuses or skips no test', () => {
    const bad = sources.filter(
      (file) =>
        !file.endsWith('tidy.test.ts') &&
        /\b(TODO|FIXME)\b(?!\([\w-]+\))|\b(?:test|it|describe)\.(?:only|skip|todo)\b/.test(read(file)),
    );
    expect(bad).toEqual([]);
  });

  test('reads time and chance only through the ports of base', () => {
    const production = sources.filter(
      (file) => /^(src|operator)\//.test(file) && !file.startsWith('src/base/') && !file.endsWith('.test.ts'),
    );
    const bad = production.filter((file) =>
      /Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(|(?<![.\w])set(?:Timeout|Interval)\(/.test(
        read(file),
      ),
    );
    expect(bad).toEqual([]);
  });
});

test('no large file is tracked', () => {
  const large = tracked.filter((file) => readFileSync(join(ROOT, file)).length > LARGEST_BLOB_BYTES);
  expect(large).toEqual([]);
});

test('the lockfile names no host', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved": "https?:/);
});

test('every dependency is pinned exactly', () => {
  const manifest = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
  );
  expect(loose).toEqual([]);
});

test('every decision record is listed in the index', () => {
  const index = read('docs/decisions/README.md');
  const records = tracked
    .filter((file) => /^docs\/decisions\/\d{4}-.*\.md$/.test(file))
    .map((file) => file.split('/').pop()!);
  expect(records.filter((record) => !index.includes(record))).toEqual([]);
});
