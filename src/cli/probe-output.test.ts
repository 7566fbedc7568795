/**
 * What the probe shows: the table for people, and how far it is.
 */
import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../base/testing/index.ts';
import type { ProbeReport } from '../store/index.ts';
import { probeProgress } from './probe-progress.ts';
import { renderReport, wrap } from './probe-report.ts';

const FIT: ProbeReport = {
  ok: true,
  properties: [
    { name: 'ranges', ok: true, detail: 'ranges are exact', why: 'a wrong part is wrong data' },
    { name: 'clock', ok: true, detail: 'the clocks agree', why: 'nothing depends on it' },
  ],
  clockSkewMs: 0,
  latency: [{ operation: 'create', count: 20, p50Ms: 2.1, p90Ms: 3, maxMs: 12.5 }],
};
const UNFIT: ProbeReport = {
  ...FIT,
  ok: false,
  properties: [
    {
      name: 'ranges',
      ok: false,
      detail: 'a GET of bytes 0 to 10 gave other bytes (9)',
      why: 'it is wrong data',
    },
    ...FIT.properties.slice(1),
  ],
  latency: [],
};

describe('the report', () => {
  test('shows every property with its evidence and why it matters, the latencies and the verdict', () => {
    expect(renderReport('s3://b', FIT, { width: 80, colour: false })).toBe(
      [
        'ok    ranges  ranges are exact',
        '              why: a wrong part is wrong data',
        'ok    clock   the clocks agree',
        '              why: nothing depends on it',
        '',
        'latency, ms (20 rounds, 16 KiB, one after the other)      p50      p90      max',
        'create                                                    2.1      3.0     12.5',
        '',
        's3://b can hold journals.',
      ].join('\n'),
    );
  });

  test('of an unfit store names what is broken in its last line, and leaves out what was not measured', () => {
    const lines = renderReport('s3://b', UNFIT, { width: 20, colour: false }).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'FAIL  ranges  a GET of bytes 0 to 10 gave other bytes',
      '              (9)',
      '              why: it is wrong data',
    ]);
    expect(lines.at(-1)).toBe('s3://b must not hold journals: it breaks ranges. Use another store.');
    expect(lines.join('\n')).not.toContain('latency');
  });

  test('has colours only where they are wanted', () => {
    expect(renderReport('u', UNFIT, { width: 80, colour: true })).toContain('\u001B[31mFAIL\u001B[0m');
    expect(renderReport('u', UNFIT, { width: 80, colour: false })).not.toContain('\u001B');
  });

  test.each([
    ['a bb ccc', 4, ['a bb', 'ccc']],
    ['averylongword x', 4, ['averylongword', 'x']],
    ['', 10, ['']],
  ])('%j in %i columns', (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });
});

describe('progress', () => {
  const [ok, broken] = [FIT.properties[0]!, UNFIT.properties[0]!];

  test('is one line a judged property where nobody watches', () => {
    const clock = new VirtualClock();
    const written: string[] = [];
    const progress = probeProgress({ write: (text) => written.push(text) }, clock);
    progress.show({ name: 'ranges', number: 2, total: 11 });
    progress.show({ name: 'ranges', number: 2, total: 11, property: ok });
    progress.show({ name: 'ranges', number: 11, total: 11 });
    progress.show({ name: 'ranges', number: 11, total: 11, property: broken });
    progress.end();
    expect(written).toEqual(['[ 2/11] ranges: ok (0 ms)\n', '[11/11] ranges: FAIL (0 ms)\n']);
  });

  test('is one line that changes on a terminal, and is gone at the end', () => {
    const written: string[] = [];
    const terminal = { isTTY: true, write: (text: string) => written.push(text) };
    const progress = probeProgress(terminal, new VirtualClock());
    progress.show({ name: 'ranges', number: 1, total: 2 });
    progress.show({ name: 'ranges', number: 1, total: 2, property: ok });
    progress.end();
    expect(written).toEqual(['\r\u001B[2K[1/2] ranges …', '\r\u001B[2K']);
  });
});
