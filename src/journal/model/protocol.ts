/**
 * The journal protocol as a small state machine, for exhaustive search (explore.ts): the store, the network, and a few writers that fence, append,
 * checkpoint, delete and read. It says nothing about bytes or time; it says which orders of events are possible.
 *
 * What is modelled, by the names of s3log.md §6: PUT with If-None-Match whose delivery is late, repeated or never, and whose answer may be
 * lost (A4-A7); own and foreign slots on 412 (A6); FENCE and floor re-check (F1-F4); leap FENCES, FILLERS and terms (L6; opening.ts); CHECKPOINT
 * slots and deletion below the floor (C5, C6);
 * linearizable reads by a GET that is not atomic (L0-L5). Every rule can be broken by name; the tests demand that each broken one is found.
 *
 * Checked in every state: an acknowledged append is in the log, live, at its slot; a read that is served reflects every append that was
 * acknowledged before it arrived; a live session's state has everything that is in the log below its fence.
 */
import { opening } from './opening.ts';
import {
  create,
  DEAD,
  isLive,
  replace,
  send,
  withWriter,
  type Entry,
  type Kind,
  type Move,
  type Rules,
  type State,
  type Writer,
} from './state.ts';

/** A PUT somewhere in the network reaches the store, or is lost with or without effect. */
function deliveries(state: State): Move[] {
  const moves: Move[] = [];
  for (const message of new Set(state.net)) {
    const [w, q, k] = message.split(':') as [string, string, Kind];
    const at = state.net.indexOf(message);
    const rest = { ...state, net: state.net.filter((_, i) => i !== at) };
    const created = create(rest, Number(q), { w: Number(w), k });
    const effect = created ?? rest;
    const what = `PUT ${k}${w}@${q} ${created ? 'creates' : 'finds it taken'}`;
    moves.push({ label: `${what}, answer lost`, to: effect });
    const writer = state.writers[Number(w)]!;
    const i = writer.pending.findIndex((p) => p.q === Number(q) && p.k === k && p.answer === 'none');
    if (i < 0) continue;
    const pending = replace(writer.pending, i, {
      ...writer.pending[i]!,
      answer: created ? ('created' as const) : ('exists' as const),
    });
    moves.push({ label: what, to: withWriter(effect, Number(w), { pending }) });
  }
  return moves;
}

function resends(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  return writer.pending.flatMap((p, i) => {
    if (p.answer !== 'none' || p.sends > rules.resends) return [];
    const pending = replace(writer.pending, i, { ...p, sends: p.sends + 1 });
    return [
      { label: `w${w} sends ${p.k}@${p.q} again`, to: send(withWriter(state, w, { pending }), w, p.q, p.k) },
    ];
  });
}

function appending(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  if (writer.phase !== 'live' || writer.pending.length >= rules.depth) return [];
  const moves: Move[] = [];
  const put = (k: Kind, change: Partial<Writer>): State =>
    send(
      withWriter(state, w, {
        ...change,
        next: writer.next + 1,
        pending: [...writer.pending, { q: writer.next, k, sends: 1, answer: 'none' }],
      }),
      w,
      writer.next,
      k,
    );
  if (writer.data < rules.data) {
    const to = put('D', { data: writer.data + 1 });
    const early =
      rules.acknowledge === 'sent' ? { ...to, acknowledged: Math.max(to.acknowledged, writer.next + 1) } : to;
    moves.push({ label: `w${w} sends D@${writer.next}`, to: early });
  }
  if (writer.checkpoints < rules.checkpoints && writer.pending.length === 0) {
    moves.push({
      label: `w${w} sends C@${writer.next}`,
      to: put('C', { checkpoints: writer.checkpoints + 1 }),
    });
  }
  return moves;
}

/** The oldest PUT of a live writer is decided. */
function deciding(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  const first = writer.pending[0];
  if (writer.phase !== 'live' || !first || first.answer === 'none') return [];
  const found = state.store[first.q];
  const own =
    first.answer === 'created' || rules.onExists === 'assume-own' || (found?.w === w && found.k === first.k);
  if (!own) {
    if (rules.onForeign === 'go-on') {
      return [
        {
          label: `w${w} passes over the foreign slot ${first.q}`,
          to: withWriter(state, w, { pending: writer.pending.slice(1), confirmed: first.q + 1 }),
        },
      ];
    }
    const fenced = { label: `w${w} is fenced at ${first.q}`, to: withWriter(state, w, DEAD) };
    if (rules.acknowledge === 'confirmed' || first.k !== 'D') return [fenced];
    return [{ ...fenced, violation: `w${w} acknowledged slot ${first.q}, which holds somebody else's` }];
  }
  const entry = state.log[first.q];
  const inLog = entry?.w === w && entry.k === first.k && isLive(state.log, first.q);
  const to = withWriter(state, w, { pending: writer.pending.slice(1), confirmed: first.q + 1 });
  const label = `w${w} confirms ${first.k}@${first.q}`;
  if (!inLog)
    return [
      { label, to, violation: `w${w} acknowledged slot ${first.q}, which is not its live slot in the log` },
    ];
  const acknowledged = first.k === 'D' ? { ...to, acknowledged: Math.max(to.acknowledged, first.q + 1) } : to;
  if (rules.readBy === 'any-confirmation' && writer.read)
    return [serve(acknowledged, w, `${label} and serves the read`)];
  return [{ label, to: acknowledged }];
}

/** The read of a writer is answered from what it has confirmed. */
function serve(state: State, w: number, label: string): Move {
  const writer = state.writers[w]!;
  const stale = writer.read!.must > writer.confirmed;
  const to = withWriter(state, w, { read: undefined, get: undefined });
  return stale
    ? {
        label,
        to,
        violation: `w${w} served a read from slots below ${writer.confirmed}, although ${writer.read!.must - 1} was acknowledged before it`,
      }
    : { label, to };
}

function reading(state: State, w: number, rules: Rules): Move[] {
  const writer = state.writers[w]!;
  const early = rules.readBy === 'before-floor-check' && writer.phase === 'won';
  if (writer.phase !== 'live' && !early) return [];
  const moves: Move[] = [];
  if (!writer.read && state.readsLeft > 0) {
    const arrived = {
      ...withWriter(state, w, { read: { must: state.acknowledged } }),
      readsLeft: state.readsLeft - 1,
    };
    moves.push({ label: `a read arrives at w${w}`, to: arrived });
  }
  if (rules.readBy === 'no-proof')
    return writer.read ? [...moves, serve(state, w, `w${w} serves the read`)] : moves;
  if (rules.readBy === 'any-confirmation') return moves;
  const get = writer.get;
  const mayBegin = writer.read !== undefined || rules.readBy === 'join-get';
  if (!get && mayBegin) {
    const after =
      rules.readBy === 'after-confirmed' ? writer.confirmed : early ? writer.fence + 1 : writer.next;
    moves.push({
      label: `w${w} begins GET @${after}`,
      to: withWriter(state, w, { get: { q: after, answer: 'none', forRead: writer.read !== undefined } }),
    });
  }
  if (get?.answer === 'none') {
    const found = state.store[get.q];
    const answer = !found ? 'absent' : found.w === w ? 'own' : 'foreign';
    moves.push({
      label: `GET @${get.q} by w${w}: ${answer}`,
      to: withWriter(state, w, { get: { ...get, answer } }),
    });
  }
  if (get?.answer === 'foreign')
    moves.push({
      label: `w${w} saw a foreign slot`,
      to: withWriter(state, w, DEAD),
    });
  if (get?.answer === 'own')
    moves.push({ label: `w${w} asks again`, to: withWriter(state, w, { get: undefined }) });
  if (get?.answer === 'absent') {
    const counts = writer.read && (get.forRead || rules.readBy === 'join-get');
    const proven =
      rules.readBy === 'after-sent' || rules.readBy === 'join-get' ? writer.confirmed >= get.q : true;
    if (counts && proven)
      moves.push(
        serve(
          early ? withWriter(state, w, { confirmed: writer.fence + 1 }) : state,
          w,
          `w${w} serves the read`,
        ),
      );
    else if (!counts)
      moves.push({ label: `w${w} drops a GET`, to: withWriter(state, w, { get: undefined }) });
  }
  return moves;
}

function isKept({ k }: Entry, rules: Rules): boolean {
  return (
    (k === 'F' && rules.keepFences) || (k === 'L' && rules.keepLeaps) || (k === 'X' && rules.keepFillers)
  );
}

function deletions(state: State, rules: Rules): Move[] {
  if (!rules.deletion) return [];
  const moves: Move[] = [];
  for (let q = 0; q < state.floor; q++) {
    const entry = state.store[q];
    if (!entry || isKept(entry, rules)) continue;
    moves.push({
      label: `slot ${q} (${entry.k}${entry.w}) is deleted`,
      to: { ...state, store: replace(state.store, q, undefined) },
    });
  }
  return moves;
}

/** Drops PUTs that can never have an effect again: their slot is taken for good and nobody waits for their answer. */
function settle(state: State, rules: Rules): State {
  const net = state.net.filter((message) => {
    const [w, q, k] = message.split(':') as [string, string, Kind];
    const entry = state.store[Number(q)];
    const forGood = entry !== undefined && (!rules.deletion || isKept(entry, rules));
    const awaited = state.writers[Number(w)]!.pending.some(
      (p) => p.q === Number(q) && p.k === k && p.answer === 'none',
    );
    return !forGood || awaited;
  });
  return net.length === state.net.length ? state : { ...state, net };
}

/** Every next event that is possible. */
export function moves(state: State, rules: Rules): Move[] {
  const all = [...deliveries(state), ...deletions(state, rules)];
  for (let w = 0; w < state.writers.length; w++) {
    if (
      rules.leap === 0 &&
      state.writers[w]!.phase === 'idle' &&
      w > 0 &&
      state.writers[w - 1]!.phase === 'idle' &&
      state.writers[w - 1]!.fence < 0
    )
      continue; // writers without terms are alike: they begin in order
    all.push(
      ...opening(state, w, rules),
      ...resends(state, w, rules),
      ...appending(state, w, rules),
      ...deciding(state, w, rules),
      ...reading(state, w, rules),
    );
  }
  return all.map((move) => withBlindness({ ...move, to: settle(move.to, rules) }, rules));
}

/** A live writer whose state lacks content that is in the log. */
function withBlindness(move: Move, rules: Rules): Move {
  if (rules.leap === 0 || move.violation) return move;
  const { writers, log } = move.to;
  for (const [w, writer] of writers.entries()) {
    if (writer.phase !== 'live') continue;
    const { skipped } = writer;
    const passedOver = skipped >= 0 && log[skipped]?.k === 'D' && isLive(log, skipped) ? skipped : -1;
    const lacks = Math.max(writer.lacks, passedOver);
    if (lacks >= 0) return { ...move, violation: `w${w} opened without the content of slot ${lacks}` };
  }
  return move;
}
