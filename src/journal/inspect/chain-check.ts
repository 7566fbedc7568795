/**
 * What the slots tell about each other: a pure fold like cursor.ts, except that it goes on where a reader has to stop.
 *
 * W1  Whatever makes `advance` throw is damage here (U1-U4 of cursor.ts); beyond it, what no writer of ours does is told as well.
 * W2  Behind a slot that cannot be read nothing is assumed: offset, put-id and session count as unknown until a slot tells them, so that one damaged
 *     object gives one finding and not one for every slot behind it.
 * W3  How much content a lost slot held is known when the next live slot says where it begins; its finding waits for that (`pending`).
 * W4  State is small: the ranges and findings that wait have limits.
 */
import { equalBytes, toHex } from '../../base/index.ts';
import { authorOf, termOf } from '../read/cursor.ts';
import type { Plan } from '../read/plan.ts';
import { ZERO_PUT_ID, type Registers, type SlotHeader } from '../format/slot.ts';
import type { ChainProblem, ContentRange, Finding } from './finding.ts';

interface Gap {
  readonly first: number;
  readonly last: number;
}

/** The log as far as it could be followed; a plain immutable value. */
export interface Chain {
  readonly nextSeq: number;
  /** End of the content; where `offsetKnown` is false, of what was certain before the damage. */
  readonly offset: number;
  readonly offsetKnown: boolean;
  /** The latest FENCE, as far as it is known. */
  readonly session:
    | { readonly seq: number; readonly author: number; readonly registers: Registers | undefined }
    | undefined;
  /** Highest term so far, with its author and slot. */
  readonly highest:
    | { readonly term: number; readonly author: number; readonly seq: number; readonly key: string }
    | undefined;
  /** The slot before nextSeq, when it could be read. */
  readonly last: { readonly seq: number; readonly key: string; readonly putId: Uint8Array } | undefined;
  /** Newest live CHECKPOINT. */
  readonly checkpoint: number | undefined;
  /** Slots behind `session` that could not be read: a FENCE may be among them. */
  readonly unread: readonly Gap[];
  /** W3 */
  readonly pending: readonly Finding[];
}

/** Before slot 0. */
export const CHAIN_START: Chain = {
  nextSeq: 0,
  offset: 0,
  offsetKnown: true,
  session: undefined,
  highest: undefined,
  last: undefined,
  checkpoint: undefined,
  unread: [],
  pending: [],
};

/** Before the floor that a CHECKPOINT publishes (plan.ts, floorCursor); `before`: the key of the slot below it. */
export function floorChain({ seq, index, session, registers }: Plan, before: string): Chain {
  const author = authorOf(registers);
  return {
    ...CHAIN_START,
    nextSeq: index.floor,
    offset: index.end,
    session: { seq: session, author, registers },
    highest: { term: termOf(registers), author, seq: session, key: before },
    last: { seq: index.floor - 1, key: before, putId: index.lastPutId },
    checkpoint: seq,
  };
}

export interface ChainStep {
  readonly chain: Chain;
  readonly findings: readonly Finding[];
}

/** W4: with more gaps than this behind one fence, the newest ones count as one; with more findings waiting, they are told as they are. */
const MAX_UNREAD = 1000;
const MAX_PENDING = 1000;

/** What could not be read: slots `first` to `last`, with the findings that say why. */
export function passUnread(
  chain: Chain,
  first: number,
  last: number,
  findings: readonly Finding[],
): ChainStep {
  const pending = [...chain.pending, ...findings];
  const told = pending.length > MAX_PENDING ? pending : [];
  const before = chain.unread.at(-1);
  const joined = before && (before.last + 1 === first || chain.unread.length >= MAX_UNREAD);
  const unread = joined
    ? [...chain.unread.slice(0, -1), { ...before, last }]
    : [...chain.unread, { first, last }];
  const next = { ...chain, nextSeq: last + 1, offsetKnown: false, last: undefined, unread };
  return {
    chain: { ...next, pending: told.length > 0 ? [] : pending },
    findings: told.map((one) => placed(one, chain.offset, undefined)),
  };
}

/** The findings that still wait at the end of the log. */
export function endOfChain(chain: Chain): readonly Finding[] {
  return chain.pending.map((finding) => placed(finding, chain.offset, undefined));
}

/** Gives a finding the content at stake, unless it has its own or nothing was lost. */
function placed(finding: Finding, begin: number, end: number | undefined): Finding {
  const nothing =
    finding.content !== undefined || finding.severity === 'warning' || (end !== undefined && end <= begin);
  return nothing ? finding : { ...finding, content: { begin, end } };
}

/** One slot whose header is whole; its number is chain.nextSeq. */
export function passSlot(chain: Chain, slot: SlotHeader, key: string): ChainStep {
  const findings: Finding[] = [];
  const tell: Tell = (kind, told) => {
    findings.push({ severity: 'damage', ...told, kind, key, seq: slot.seq, slotKind: slot.kind });
  };
  const last = { seq: slot.seq, key, putId: slot.putId };
  const passed: Chain = { ...chain, nextSeq: slot.seq + 1, last };
  if (slot.kind === 'filler') return { chain: passed, findings };
  if (slot.kind === 'fence') return passFence(chain, slot, passed, { tell, findings });
  const session = sessionOf(chain, slot);
  if (session === undefined) {
    tellForeignSession(chain, slot, tell);
    return { chain: passed, findings };
  }
  checkPlace(chain, slot, tell);
  checkLink(chain, slot, false, tell);
  checkMember(chain, slot, session, tell);
  const resolved = resolve(chain, slot.begin);
  const live: Chain = { ...passed, session, offset: slot.end, offsetKnown: true, pending: [] };
  if (session !== chain.session) Object.assign(live, { unread: [] });
  const checkpoint = slot.kind === 'checkpoint' ? slot.seq : chain.checkpoint;
  return { chain: { ...live, checkpoint }, findings: [...resolved, ...findings] };
}

type Tell = (
  kind: ChainProblem,
  told: Pick<Finding, 'expected' | 'found' | 'help'> & {
    readonly severity?: 'warning';
    readonly bytes?: { readonly start: number; readonly end: number };
    readonly content?: ContentRange;
    readonly before?: { readonly seq: number; readonly key: string } | undefined;
  },
) => void;

/** W3: what was waiting for the offset at which the log goes on. */
function resolve(chain: Chain, begin: number): readonly Finding[] {
  return chain.pending.map((finding) => placed(finding, chain.offset, begin));
}

/** The session that a DATA or CHECKPOINT slot lives in; undefined when it names none that stands. */
function sessionOf(chain: Chain, slot: SlotHeader): Chain['session'] {
  if (slot.session === chain.session?.seq) return chain.session;
  const lostFence = chain.unread.some(({ first, last }) => first <= slot.session && slot.session <= last);
  return lostFence ? { seq: slot.session, author: slot.author, registers: undefined } : undefined;
}

function tellForeignSession(chain: Chain, slot: SlotHeader, tell: Tell): void {
  const { session } = chain;
  const bytes = { start: 32, end: 40 };
  const content = slot.kind === 'data' ? { content: { begin: slot.begin, end: slot.end } } : {};
  if (session && slot.session < session.seq && slot.session < slot.seq)
    tell('dead-slot', {
      severity: 'warning',
      bytes,
      ...content,
      expected: `a slot of session ${session.seq}, the latest FENCE below it`,
      found: `one of session ${slot.session}, which was over`,
      help: 'Readers pass it over and nobody was told that it is durable. It should not exist all the same: look for a writer that another program started.',
    });
  else
    tell('wrong-session', {
      bytes,
      ...content,
      expected: session ? `session ${session.seq}, the latest FENCE below it` : 'a FENCE before any content',
      found: `session ${slot.session}, which no FENCE opened`,
      help: 'Readers pass this slot over and lose its content. Restore it from a copy; find out who wrote it.',
    });
}

function earlier({ last }: Chain): { readonly seq: number; readonly key: string } | undefined {
  return last && { seq: last.seq, key: last.key };
}

/** U2: a live slot begins where the log ended. */
function checkPlace(chain: Chain, slot: SlotHeader, tell: Tell): void {
  const { begin } = slot;
  if (chain.offsetKnown ? begin === chain.offset : begin >= chain.offset) return;
  const lost = begin > chain.offset;
  tell('chain-offset', {
    bytes: { start: 16, end: 24 },
    content: lost ? { begin: chain.offset, end: begin } : { begin, end: chain.offset },
    before: earlier(chain),
    expected: `${slot.kind.toUpperCase()} at byte ${chain.offset}${chain.offsetKnown ? '' : ' or later'}, where the log ended`,
    found: `byte ${begin}: ${lost ? 'content between is missing' : 'content is there twice'}`,
    help: 'One of the two slots is not the one that was written. Compare both with a copy of the bucket and restore the one that differs.',
  });
}

/** U2: a slot names the put-id of the one before it. `mayOmit`: a FENCE whose writer had not read that slot. */
function checkLink(chain: Chain, slot: SlotHeader, mayOmit: boolean, tell: Tell): void {
  const { last } = chain;
  if (!last || equalBytes(slot.previousPutId, last.putId)) return;
  if (mayOmit && equalBytes(slot.previousPutId, ZERO_PUT_ID)) return;
  tell('chain-put-id', {
    bytes: { start: 64, end: 80 },
    before: earlier(chain),
    expected: `put-id ${toHex(last.putId)} of slot ${last.seq} as the one before`,
    found: toHex(slot.previousPutId),
    help: 'One of the two slots was replaced by a slot of another journal, generation or time. Compare both with a copy of the bucket and restore the one that differs.',
  });
}

/** What a slot inherits from the session it is of. */
function checkMember(
  chain: Chain,
  slot: SlotHeader,
  session: NonNullable<Chain['session']>,
  tell: Tell,
): void {
  const fence = { seq: session.seq };
  if (slot.author !== session.author)
    tell('wrong-author', {
      bytes: { start: 40, end: 44 },
      expected: `author ${session.author.toString(32)} of FENCE ${fence.seq}`,
      found: slot.author.toString(32),
      help: 'A slot names the writer whose FENCE opened its session. Compare it with a copy of the bucket; find out who else writes here.',
    });
  if (slot.kind === 'checkpoint' && session.registers && !sameRegisters(slot.registers, session.registers))
    tell('registers', {
      bytes: { start: 128, end: 512 },
      expected: `the registers of FENCE ${fence.seq}: ${registersText(session.registers)}`,
      found: registersText(slot.registers),
      help: 'Registers change only at a FENCE. Compare this slot with a copy of the bucket.',
    });
  checkPointer(chain, slot, tell);
}

function checkPointer(chain: Chain, slot: SlotHeader, tell: Tell): void {
  const named = slot.checkpoint;
  if (named === undefined) return;
  const known = chain.checkpoint !== undefined && named <= chain.checkpoint;
  const unread = chain.unread.some(({ first, last }) => first <= named && named <= last);
  if (named < slot.seq && (known || unread)) return;
  tell('checkpoint-pointer', {
    bytes: { start: 80, end: 88 },
    expected:
      chain.checkpoint === undefined
        ? 'no CHECKPOINT: there was none'
        : `CHECKPOINT ${chain.checkpoint} or an older one`,
    found: `slot ${named}`,
    help: 'A reader that starts here would look for its plan in the wrong place. Compare this slot with a copy of the bucket.',
  });
}

function passFence(
  chain: Chain,
  slot: SlotHeader,
  passed: Chain,
  { tell, findings }: { readonly tell: Tell; readonly findings: readonly Finding[] },
): ChainStep {
  if (slot.leap && isVoid(chain, slot)) return { chain: passed, findings }; // U4: its owner was too late, and nobody believes it
  if (slot.session !== slot.seq)
    tell('wrong-session', {
      bytes: { start: 32, end: 40 },
      expected: `session ${slot.seq}: a FENCE opens its own`,
      found: `session ${slot.session}`,
      help: 'Readers stop here. Restore this object from a copy of the bucket.',
    });
  if (!slot.leap) {
    checkPlace(chain, slot, tell);
    checkLink(chain, slot, true, tell);
  }
  checkTerm(chain, slot, tell);
  checkPointer(chain, slot, tell);
  const term = termOf(slot.registers);
  const highest =
    !chain.highest || term > chain.highest.term
      ? { term, author: slot.author, seq: slot.seq, key: passed.last!.key }
      : chain.highest;
  const laid = slot.leap ? chain.session?.registers : undefined;
  const below = slot.leap && chain.session !== undefined && laid === undefined; // what it was laid over could not be read
  const registers = below ? undefined : { ...laid, ...slot.registers };
  const session = { seq: slot.seq, author: slot.author, registers };
  const next: Chain = { ...passed, session, highest, unread: [] };
  if (slot.leap) return { chain: next, findings }; // its writer did not know the offset
  const resolved = resolve(chain, slot.begin);
  return {
    chain: { ...next, offset: slot.begin, offsetKnown: true, pending: [] },
    findings: [...resolved, ...findings],
  };
}

/** U4: whether a leap FENCE stands behind a higher term, or behind its own by another author. */
function isVoid({ highest }: Chain, slot: SlotHeader): boolean {
  const term = termOf(slot.registers);
  return (
    highest !== undefined &&
    (term < highest.term || (term === highest.term && slot.author !== highest.author))
  );
}

/** U3, and F2 of open-session.ts: nobody opens a session with his own term by another author. */
function checkTerm(chain: Chain, slot: SlotHeader, tell: Tell): void {
  const { highest } = chain;
  const term = termOf(slot.registers);
  if (!highest || term > highest.term || (term === highest.term && slot.author === highest.author)) return;
  const before = { seq: highest.seq, key: highest.key };
  const expected = `a term above ${highest.term}, which author ${highest.author.toString(32)} has at slot ${highest.seq}`;
  const found = `term ${term} of author ${slot.author.toString(32)}`;
  if (term < highest.term)
    tell('term-regressed', {
      bytes: { start: 128, end: 512 },
      before,
      expected,
      found,
      help: 'Readers stop here. One of the two FENCEs was not written by our rules: compare both with a copy of the bucket.',
    });
  else
    tell('duplicate-term', {
      bytes: { start: 128, end: 512 },
      before,
      expected,
      found,
      help: 'Two writers held one assignment: look for a second operator or a pod started by hand. Slots behind the later FENCE are what readers see.',
    });
}

function registersText(registers: Registers): string {
  const lines = Object.keys(registers).sort();
  return lines.length === 0 ? 'none' : lines.map((key) => `${key}=${registers[key]}`).join(' ');
}

function sameRegisters(a: Registers, b: Registers): boolean {
  return registersText(a) === registersText(b);
}
