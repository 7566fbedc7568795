/**
 * The journal as one object that does one thing at a time: what histories of append, fence and read are held against (linearizability.ts).
 *
 * M1  An append of a session succeeds only while that session is the last one that fenced; its record stands at the end of the log.
 * M2  A fence makes its session the only one that can append. It tells where the log ended just then. Terms only grow, and none serves twice.
 * M3  A read is answered from the whole log at its moment, and only by the session that can append.
 * M4  What is not in the log at the end never was: nothing is taken out again. So a history that knows the log at the end (`atEnd`) need not ask for
 *     any other order of records. It is the same question, answered sooner.
 */
import type { Model } from './linearizability.ts';

export type JournalInput =
  | { readonly kind: 'append'; readonly session: string; readonly record: number }
  | { readonly kind: 'fence'; readonly session: string; readonly term: number }
  | { readonly kind: 'read'; readonly session: string }
  /** A read by somebody who is no session, when nothing goes on any more. */
  | { readonly kind: 'look' };

export type JournalOutput =
  /** Index of the record in the log. */
  | { readonly kind: 'appended'; readonly index: number }
  /** Known to have had no effect. */
  | { readonly kind: 'not-appended' }
  | { readonly kind: 'fenced'; readonly length: number }
  /** Length of the log, and its last record. */
  | { readonly kind: 'saw'; readonly length: number; readonly last: number | undefined };

/** A log as a place in the tree of all logs: equal logs are the same object, so that comparing them is cheap. */
interface Log {
  readonly id: number;
  readonly length: number;
  readonly last: number | undefined;
  readonly longer: Map<number, Log>;
}

export interface JournalState {
  readonly log: Log;
  /** The session that can append. */
  readonly session: string;
  readonly term: number;
}

/** A new, empty journal. `atEnd`: the records of the log when everything was over (M4). */
export function journalModel(atEnd?: readonly number[]): Model<JournalState, JournalInput, JournalOutput> {
  let logs = 0;
  const root: Log = { id: logs++, length: 0, last: undefined, longer: new Map() };
  const extended = (log: Log, record: number): Log => {
    let next = log.longer.get(record);
    if (!next) {
      next = { id: logs++, length: log.length + 1, last: record, longer: new Map() };
      log.longer.set(record, next);
    }
    return next;
  };
  const append = (
    state: JournalState,
    input: JournalInput & { kind: 'append' },
    output: JournalOutput | undefined,
  ): readonly JournalState[] => {
    if (output?.kind === 'not-appended') return [state];
    if (state.session !== input.session) return []; // M1
    if (output && (output.kind !== 'appended' || output.index !== state.log.length)) return [];
    if (atEnd && atEnd[state.log.length] !== input.record) return []; // M4
    return [{ ...state, log: extended(state.log, input.record) }];
  };
  return {
    init: { log: root, session: '', term: 0 },
    key: ({ log, session, term }) => `${log.id}/${session}/${term}`,
    step(state, input, output) {
      switch (input.kind) {
        case 'append':
          return append(state, input, output);
        case 'fence':
          if (input.term <= state.term) return []; // M2
          if (output && (output.kind !== 'fenced' || output.length !== state.log.length)) return [];
          return [{ ...state, session: input.session, term: input.term }];
        case 'read':
        case 'look': {
          if (!output) return [state];
          if (input.kind === 'read' && state.session !== input.session) return []; // M3
          const { length, last } = state.log;
          return output.kind === 'saw' && output.length === length && output.last === last ? [state] : [];
        }
      }
    },
  };
}
