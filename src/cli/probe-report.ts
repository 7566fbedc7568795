/**
 * What `holdfast store probe` prints: pure functions from a report to text.
 */
import { LATENCY_BODY_BYTES, type OperationLatency, type ProbeReport } from '../store/index.ts';

export interface Style {
  /** Columns to fill. */
  readonly width: number;
  readonly colour: boolean;
}

/** Narrower columns of text cannot be read. */
const LEAST_TEXT = 40;

/** The table of properties, the latencies and the verdict. */
export function renderReport(url: string, report: ProbeReport, style: Style): string {
  const paint = painter(style.colour);
  const nameWidth = Math.max(...report.properties.map(({ name }) => name.length));
  const indent = ' '.repeat('FAIL  '.length + nameWidth + 2);
  const textWidth = Math.max(LEAST_TEXT, style.width - indent.length);
  const rows = report.properties.flatMap(({ name, ok, detail, why }) => {
    const [first, ...rest] = wrap(detail, textWidth);
    const reason = wrap(`why: ${why}`, textWidth).map((line) => indent + paint('dim', line));
    const mark = ok ? paint('green', 'ok  ') : paint('red', 'FAIL');
    return [`${mark}  ${name.padEnd(nameWidth)}  ${first}`, ...rest.map((line) => indent + line), ...reason];
  });
  return [...rows, ...latencyTable(report.latency), '', verdict(url, report, paint)].join('\n');
}

function verdict(url: string, report: ProbeReport, paint: Painter): string {
  if (report.ok) return paint('green', `${url} can hold journals.`);
  const broken = report.properties.flatMap(({ ok, name }) => (ok ? [] : [name]));
  return paint('red', `${url} must not hold journals: it breaks ${broken.join(', ')}. Use another store.`);
}

function latencyTable(latency: readonly OperationLatency[]): string[] {
  if (latency.length === 0) return [];
  const rounds = Math.max(...latency.map(({ count }) => count));
  const head = `latency, ms (${rounds} rounds, ${LATENCY_BODY_BYTES / 1024} KiB, one after the other)`;
  const columns = (...values: string[]): string => values.map((value) => value.padStart(9)).join('');
  const width = Math.max(head.length, 10);
  return [
    '',
    head.padEnd(width) + columns('p50', 'p90', 'max'),
    ...latency.map(
      ({ operation, p50Ms, p90Ms, maxMs }) =>
        operation.padEnd(width) + columns(p50Ms.toFixed(1), p90Ms.toFixed(1), maxMs.toFixed(1)),
    ),
  ];
}

/** `text` in lines of at most `width` columns, cut at spaces; a longer word stays whole. */
export function wrap(text: string, width: number): [string, ...string[]] {
  const lines: [string, ...string[]] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const CODES = { green: 32, red: 31, dim: 2 } as const;
type Painter = (colour: keyof typeof CODES, text: string) => string;

function painter(colour: boolean): Painter {
  return (name, text) => (colour ? `\u001B[${CODES[name]}m${text}\u001B[0m` : text);
}
