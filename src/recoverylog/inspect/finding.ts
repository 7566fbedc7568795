/**
 * What a check of a log can find, with its place.
 *
 * `problem`: a player stops there, or leaves out what was acknowledged. `warning`: players pass it over rightly, and somebody may want to know why.
 */
export type LogFindingKind =
  | 'damaged-frame'
  | 'desync'
  | 'cut-off'
  | 'missing-operations'
  | 'overtaken-author'
  | 'contradiction'
  | 'bad-path'
  | 'unreadable'
  | 'pruned'
  | 'begins-elsewhere';

/** Bytes [begin, end) of the log. */
export interface LogBytes {
  readonly begin: number;
  readonly end: number;
}

export interface LogFinding extends LogBytes {
  readonly severity: 'problem' | 'warning';
  readonly kind: LogFindingKind;
  readonly text: string;
}

export function problem(kind: LogFindingKind, { begin, end }: LogBytes, text: string): LogFinding {
  return { severity: 'problem', kind, begin, end, text };
}

export function warning(kind: LogFindingKind, { begin, end }: LogBytes, text: string): LogFinding {
  return { severity: 'warning', kind, begin, end, text };
}
