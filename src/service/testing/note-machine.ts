/**
 * The smallest machine with something to see: it keeps the last note. Its result's value counts them; a note of the query `slow` takes time to look up.
 */
import { EMPTY_BYTES, fromUtf8 } from '../../base/index.ts';
import type { AppliedEntry, Entry } from '../../statemachine/index.ts';
import type { ScriptedMachine } from './scripted-replica.ts';

export class NoteMachine implements ScriptedMachine<'now' | 'slow', string> {
  note = '';
  notes = 0;
  /** Lets slow lookups go on. */
  readonly gate: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return entries.map((entry) => {
      this.note = fromUtf8(entry.cmd);
      this.notes++;
      return { ...entry, result: { value: this.notes, data: EMPTY_BYTES } };
    });
  }

  lookup(query: 'now' | 'slow'): string | Promise<string> {
    return query === 'now' ? this.note : this.gate.promise.then(() => this.note);
  }
}
