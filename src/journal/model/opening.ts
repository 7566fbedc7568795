/**
 * How a writer of the model opens a session: reads to the tail, races for its FENCE or leaps, fills holes, and looks above its fence once more
 * (s3log.md §6.4 F1-F5, §6.4b F2).
 */
import {
  DEAD,
  isLive,
  owner,
  send,
  tail,
  withWriter,
  type Move,
  type Pending,
  type Rules,
  type State,
  type Writer,
} from './state.ts';

/** What an opener knows after it read slot q, as the store has it now; undefined when it must not go on (F2, or the slot is gone). */
function pass(state: State, w: number, q: number, rules: Rules): Partial<Writer> | undefined {
  const writer = state.writers[w]!;
  const found = state.store[q];
  if (!found) return undefined;
  const isFence = found.k === 'F' || found.k === 'L';
  if (rules.leap > 0 && isFence && found.w > w) return undefined;
  const was = state.log[q];
  const lost = was !== undefined && was !== found && was.k === 'D' && isLive(state.log, q);
  return {
    next: q + 1,
    filler: writer.filler < 0 && found.k === 'X' ? q : writer.filler,
    lacks: writer.lacks < 0 && lost ? q : writer.lacks,
  };
}

function put(state: State, w: number, pending: Pending, change: Partial<Writer>): State {
  return send(withWriter(state, w, { ...change, pending: [pending] }), w, pending.q, pending.k);
}

const first = (q: number, k: Pending['k']): Pending => ({ q, k, sends: 1, answer: 'none' });

function discovers(state: State, w: number, rules: Rules): Partial<Writer> {
  const { next, skipped } = tail(state, rules);
  const allowed = rules.leap === 0 || owner(state.log, next - 1) <= w; // F2
  return allowed ? { phase: 'open', next, skipped, filler: -1, lacks: -1, pending: [] } : DEAD;
}

export function opening(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  switch (writer.phase) {
    case 'idle':
      return [{ label: `w${w} finds the tail`, to: withWriter(state, w, discovers(state, w, rules)) }];
    case 'open': {
      const { next } = writer;
      const fence = put(state, w, first(next, 'F'), { phase: 'fencing' });
      const moves: Move[] = [{ label: `w${w} sends FENCE @${next}`, to: fence }];
      if (rules.leap > 0 && !writer.leaped && next > 0) {
        const at = next + rules.leap;
        const leap = put(state, w, first(at, 'L'), { phase: 'leaping', leaped: true });
        moves.push({ label: `w${w} sends leap FENCE @${at}`, to: leap });
      }
      return moves;
    }
    case 'fencing':
    case 'leaping':
      return raced(state, w, rules);
    case 'filling':
      return filling(state, w, rules);
    case 'won':
      return won(state, w, rules);
    case 'live':
    case 'dead':
      return [];
  }
}

/** The PUT of a FENCE or of a leap FENCE is decided. */
function raced(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  const put = writer.pending[0];
  if (!put || put.answer === 'none') return [];
  const found = state.store[put.q];
  const mine = put.answer === 'created' || (found?.w === w && found.k === put.k);
  if (mine && put.k === 'L') {
    const to = withWriter(state, w, { phase: 'filling', fence: put.q, pending: [] });
    return [{ label: `w${w} won its leap FENCE @${put.q}`, to }];
  }
  if (mine) {
    const to = withWriter(state, w, { phase: 'won', fence: put.q, next: put.q + 1, pending: [] });
    return [{ label: `w${w} won its FENCE @${put.q}`, to }];
  }
  const label = `w${w} lost @${put.q}`;
  if (put.k === 'L') return [{ label, to: withWriter(state, w, { phase: 'open', pending: [] }) }];
  if (!found) return [{ label, to: withWriter(state, w, discovers(state, w, rules)) }];
  const passed = pass(state, w, put.q, rules);
  const to = withWriter(state, w, passed ? { ...passed, phase: 'open', pending: [] } : DEAD);
  return [{ label, to }];
}

/** L2: from below, slot by slot, up to the own leap FENCE. */
function filling(state: State, w: number, rules: Rules): Move[] {
  const { next, fence } = state.writers[w]!;
  if (next < fence && rules.fill) return fillOne(state, w, rules);
  return [
    { label: `w${w} stands at its leap FENCE`, to: withWriter(state, w, { phase: 'won', next: fence + 1 }) },
  ];
}

/** A FILLER to the next slot, whatever stands there. */
function fillOne(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  const { next } = writer;
  const pending = writer.pending[0];
  if (!pending) return [{ label: `w${w} sends FILLER @${next}`, to: put(state, w, first(next, 'X'), {}) }];
  if (pending.answer === 'none') return [];
  const passed = pass(state, w, next, rules);
  const to = withWriter(state, w, passed ? { ...passed, pending: [] } : DEAD);
  return [{ label: `w${w} passes @${next}`, to }];
}

/** F3 and L6: nothing that counts stands above the fence, and no CHECKPOINT above a FILLER that was passed. */
function won(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  const { next, fence } = writer;
  const live = withWriter(state, w, { phase: 'live', next, confirmed: next });
  const end = (why: string): Move[] => [
    { label: `w${w} ${why} and gives up`, to: withWriter(state, w, DEAD) },
  ];
  if (writer.pending.length > 0) return fillOne(state, w, rules);
  const isCheckpoint = (q: number): boolean => state.store[q]?.k === 'C' && q > writer.filler && q < fence;
  if (rules.reload && writer.filler >= 0 && state.store.some((_, q) => isCheckpoint(q)))
    return end('meets a CHECKPOINT above a FILLER');
  if (!rules.floorCheck) return [{ label: `w${w} is live, unchecked`, to: live }];
  const above = state.store.findIndex((entry, q) => q >= next && entry !== undefined);
  if (state.floor > fence || state.store.slice(next).some((entry) => entry?.k === 'F'))
    return end('sees that its FENCE does not stand at the tail');
  if (above < 0 || rules.leap === 0) return [{ label: `w${w} is live`, to: live }];
  const found = state.store[above]!;
  if (above === next) {
    const passed = found.k === 'X' || found.k === 'L' ? pass(state, w, next, rules) : undefined;
    if (!passed) return end(`finds ${found.k}${found.w} @${next} above its FENCE`);
    return [{ label: `w${w} passes @${next}`, to: withWriter(state, w, passed) }];
  }
  const onlyLeaps = state.store.slice(next).every((entry) => entry === undefined || entry.k === 'L');
  return onlyLeaps ? fillOne(state, w, rules) : end('sees a hole that nobody left open');
}
