/**
 * The demo's voice: one line a happening, with the time since the act began, who says it, and about which shard. Colours only on a terminal.
 */
import type { FaultReport } from '../harness/faults.ts';

const WIDTH = 110;
const COLUMN = { time: 9, shard: 8, who: 34 };
/** Columns of the bar that shows where a handoff's time went. */
const BAR = 40;

const STEPS = [
  ['detect', 'detectMs', '33'],
  ['decide', 'decideMs', '36'],
  ['fence', 'fenceMs', '35'],
  ['serve', 'serveMs', '32'],
] as const;

/** Where the lines go: the process' stdout, or a test's list. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** See the header. */
export class Timeline {
  readonly #output: Output;
  #actStartedMs: number = performance.now();

  constructor(output: Output) {
    this.#output = output;
  }

  /** A step of the set-up. */
  step(text: string): void {
    this.#line(`${this.#elapsed()} ${text}`);
  }

  /** Begins an act; times count from here. */
  act(title: string): void {
    this.#actStartedMs = performance.now();
    this.#line('');
    this.#line(this.#paint('1', `── ${title} ${'─'.repeat(Math.max(0, WIDTH - title.length - 4))}`));
  }

  /** Something that was done or noticed. */
  tell(who: string, shard: string, text: string): void {
    const head = `${this.#elapsed()} ${shard.padEnd(COLUMN.shard)} ${clip(who, COLUMN.who).padEnd(COLUMN.who)} `;
    this.#line(`${this.#paint('2', head)}${text}`);
  }

  /** What a fault cost: numbers, and a bar in proportion. */
  cost(report: FaultReport): void {
    const known = STEPS.map(([name, key, colour]) => ({ name, ms: report[key], colour }));
    const numbers = known.map(({ name, ms, colour }) =>
      this.#paint(colour, `${name} ${ms === null ? '?' : `${ms} ms`}`),
    );
    const total = known.reduce((sum, { ms }) => sum + (ms ?? 0), 0);
    const bar = known.map(({ ms, colour }) =>
      this.#paint(colour, '█'.repeat(total === 0 ? 0 : Math.round((BAR * (ms ?? 0)) / total))),
    );
    const indent = ' '.repeat(COLUMN.time + 1);
    this.#line(`${indent}${numbers.join(' · ')}  ${this.#paint('1', `client-seen gap ${report.gapMs} ms`)}`);
    this.#line(`${indent}${bar.join('')}`);
  }

  /** The table at the end. */
  table(reports: readonly FaultReport[]): void {
    const head = ['fault', 'shard', 'gap', 'detect', 'decide', 'fence', 'serve'];
    const rows = reports.map((report) => [
      report.fault,
      report.shard,
      ...[report.gapMs, ...STEPS.map(([, key]) => report[key])].map((ms) => (ms === null ? '?' : `${ms} ms`)),
    ]);
    const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]!.length)));
    for (const row of [head, ...rows])
      this.#line(
        `  ${row.map((cell, at) => (at < 2 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')}`,
      );
  }

  /** Text as it is. */
  text(text: string): void {
    this.#line(text.trimEnd());
  }

  /** The verdict, green or red. */
  verdict(text: string, good: boolean): void {
    this.#line(this.#paint(good ? '1;32' : '1;31', text));
  }

  #elapsed(): string {
    const seconds = (performance.now() - this.#actStartedMs) / 1000;
    return `+${seconds.toFixed(2)} s`.padStart(COLUMN.time);
  }

  #paint(code: string, text: string): string {
    return this.#output.isTTY === true && text !== '' ? `\u001B[${code}m${text}\u001B[0m` : text;
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
