/**
 * Breadth-first search over every state that the protocol can reach, so that the first violation found has a shortest story.
 */
import { moves } from './protocol.ts';
import { initial, type Rules, type State, type Writer } from './state.ts';

export interface Exploration {
  readonly states: number;
  /** False when the limit ended the search. */
  readonly exhaustive: boolean;
  /** What went wrong and how it came to it, or undefined. */
  readonly violation: { readonly what: string; readonly story: readonly string[] } | undefined;
}

function writerKey(w: Writer): string {
  const pending = w.pending.map((p) => `${p.q}${p.k}${p.sends}${p.answer}`).join('+');
  const get = w.get ? `${w.get.q}${w.get.answer}${w.get.forRead ? 'r' : ''}` : '';
  const leap =
    w.leaped || w.filler >= 0 || w.skipped >= 0 ? `l${w.leaped},${w.filler},${w.lacks},${w.skipped}` : '';
  return `${w.phase}${w.next},${w.fence},${w.confirmed},${w.data},${w.checkpoints}[${pending}]${w.read?.must ?? ''}{${get}}${leap}`;
}

/** A state as text; equal states have equal keys. */
function key(state: State): string {
  const entries = (list: State['store']): string =>
    list.map((entry) => (entry ? `${entry.k}${entry.w}` : '-')).join('');
  return `${entries(state.store)}|${entries(state.log)}|${state.floor},${state.acknowledged},${state.readsLeft}|${state.net.join(' ')}|${state.writers.map(writerKey).join('|')}`;
}

/** Searches all states, or up to `limit` of them. */
export function explore(rules: Rules, limit: number): Exploration {
  const start = initial(rules);
  const seen = new Set([key(start)]);
  const states: State[] = [start];
  const origin: { readonly from: number; readonly label: string }[] = [{ from: -1, label: '' }];
  for (let at = 0; at < states.length; at++) {
    for (const move of moves(states[at]!, rules)) {
      if (move.violation)
        return {
          states: states.length,
          exhaustive: false,
          violation: { what: move.violation, story: [...story(origin, at), move.label] },
        };
      const next = key(move.to);
      if (seen.has(next)) continue;
      if (states.length >= limit) return { states: states.length, exhaustive: false, violation: undefined };
      seen.add(next);
      states.push(move.to);
      origin.push({ from: at, label: move.label });
    }
    (states as (State | undefined)[])[at] = undefined; // expanded: only its key and its origin are still needed
  }
  return { states: states.length, exhaustive: true, violation: undefined };
}

function story(origin: readonly { readonly from: number; readonly label: string }[], last: number): string[] {
  const labels: string[] = [];
  for (let at = last; origin[at]!.from >= 0; at = origin[at]!.from) labels.unshift(origin[at]!.label);
  return labels;
}
