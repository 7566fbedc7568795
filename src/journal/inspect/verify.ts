/**
 * Verification: every object of a journal is read whole and held against its own checksums and against its neighbours.
 *
 * Y1  Never stops at damage: it is told, and the pass goes on behind it. What ends it early is the store being away, or the caller.
 * Y2  Covers the slots that a LIST showed when it began; what is appended meanwhile is the next one's. So it ends, however busy the writer.
 * Y3  Holds at most READS objects of MAX_SLOT_BYTES, whatever somebody put under a slot's key.
 * Y4  A LIST proves nothing: a slot that it does not show is asked for before it is called missing.
 * Y5  A journal that lost its newest slots looks like one that never had them; only who knows where it ended can tell (`atLeastBytes`).
 *
 * What a pass looks at comes from one stream of subjects; fragments will be a further kind of subject, checked in the same pass.
 */
import { ensureError, type Clock, type Random } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { checkJournal, slotKey, slotPrefix, type Journal } from '../names.ts';
import { isRetryable, retrying } from '../retry.ts';
import type { SlotHeader, SlotKind } from '../slot.ts';
import { CHAIN_START, endOfChain, passSlot, passUnread, type Chain, type ChainStep } from './chain-check.ts';
import { checkBytes, MAX_SLOT_BYTES } from './check-bytes.ts';
import type { Finding, Severity } from './finding.ts';
import { inOrder } from './in-order.ts';
import { listSlots, type ListedObject } from './list-slots.ts';

/** Y3: 8 x 8.5 MB at most. More makes one client no faster at slots of this size (s3log.md §1.7). */
export const READS = 8;
/** A damaged answer is asked for again, on a new connection, this often: a proxy may have cut it, the object may be whole. */
const DAMAGED_ATTEMPTS = 3;
/** Y4: slots of one gap that are asked for one by one; in a longer one the others are believed to be as absent as the first. */
const GAP_PROBES = 32;
/** The store may be away this long, ms, before the pass is given up. */
const GIVE_UP_MS = 60_000;
/** After so many objects in a row that the store does not give out, it is the store, not the objects. */
const MAX_UNREADABLE_IN_ROW = 32;

export interface VerifyProgress {
  /** Objects read, of all that there are. */
  readonly objects: number;
  readonly totalObjects: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface VerifyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Y5: where content ends at least, as hints or an application know it, bytes. */
  readonly atLeastBytes?: number | undefined;
}

export interface VerifyReport {
  readonly journal: string;
  readonly generation: string;
  /** damaged: readers stop or are misled. incomplete: no damage seen, but something could not be looked at. */
  readonly verdict: 'clean' | 'damaged' | 'incomplete';
  readonly findings: Readonly<Record<Severity, number>>;
  readonly slots: Readonly<Record<SlotKind, number>>;
  readonly unreadSlots: number;
  readonly strangers: number;
  /** Bytes of objects that were read. */
  readonly bytes: number;
  /** Newest slot that was looked at; undefined for a journal without slots. */
  readonly lastSeq: number | undefined;
  /** End of the content as the newest readable slot has it. */
  readonly contentEnd: number;
}

/** What the pass looks at, in order. */
type Subject =
  | { readonly kind: 'slot'; readonly seq: number; readonly key: string; readonly listed: boolean }
  /** Slots of a gap too long to ask for each. */
  | { readonly kind: 'gap'; readonly first: number; readonly last: number }
  | { readonly kind: 'stranger'; readonly object: ListedObject };

type Seen =
  | {
      readonly kind: 'read';
      readonly header: SlotHeader | undefined;
      readonly findings: readonly Finding[];
      readonly bytes: number;
      readonly calm: boolean;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly error: StoreError };

/**
 * Reads everything and tells every finding as it goes (Y1-Y5).
 * @throws StoreError when the store is away or refuses everything, JournalNameError, the signal's reason.
 */
export async function verifyJournal(journal: Journal, options: VerifyOptions): Promise<VerifyReport> {
  checkJournal(journal);
  const total = await measure(journal, options);
  const pass = new Pass(journal, options, total);
  const source = subjects(journal, options, total.lastSeq);
  const results = inOrder(
    source,
    READS,
    async (subject, signal) => ({ subject, seen: await look(journal, subject, { ...options, signal }) }),
    options.signal,
  );
  for await (const { subject, seen } of results) pass.take(subject, seen);
  return pass.end();
}

interface Totals {
  readonly objects: number;
  readonly bytes: number;
  readonly lastSeq: number | undefined;
}

function listing(journal: Journal, options: VerifyOptions): AsyncGenerator<ListedObject, void> {
  return listSlots(journal, {
    signal: options.signal,
    attempt: (request) => retrying(request, { ...options, giveUpMs: GIVE_UP_MS }),
  });
}

async function measure(journal: Journal, options: VerifyOptions): Promise<Totals> {
  let [objects, bytes] = [0, 0];
  let lastSeq: number | undefined;
  for await (const object of listing(journal, options)) {
    if (object.kind === 'slot') {
      objects++;
      bytes += object.size;
      lastSeq = object.seq;
    }
  }
  return { objects, bytes, lastSeq };
}

async function* subjects(
  journal: Journal,
  options: VerifyOptions,
  lastSeq: number | undefined,
): AsyncGenerator<Subject, void> {
  let next = 0;
  for await (const object of listing(journal, options)) {
    if (object.kind === 'stranger') {
      yield { kind: 'stranger', object };
      continue;
    }
    if (lastSeq === undefined || object.seq > lastSeq) continue; // Y2
    const probed = Math.min(object.seq, next + GAP_PROBES);
    for (let seq = next; seq < probed; seq++)
      yield { kind: 'slot', seq, key: slotKey(journal, seq), listed: false };
    if (probed < object.seq) yield { kind: 'gap', first: probed, last: object.seq - 1 };
    yield { kind: 'slot', seq: object.seq, key: object.key, listed: true };
    next = object.seq + 1;
  }
}

async function look(journal: Journal, subject: Subject, options: VerifyOptions): Promise<Seen> {
  if (subject.kind !== 'slot') return { kind: 'absent' };
  const { key, seq } = subject;
  let bytes = 0;
  for (let attempt = 1; ; attempt++) {
    const range = { start: 0, end: MAX_SLOT_BYTES };
    const call = { range, signal: options.signal, freshConnection: attempt > 1 };
    let found;
    try {
      found = await retrying(() => journal.store.get(key, call), { ...options, giveUpMs: GIVE_UP_MS });
    } catch (error) {
      if (!(error instanceof StoreError) || isRetryable(error)) throw error;
      return { kind: 'refused', error };
    }
    if (!found) return { kind: 'absent' };
    bytes += found.body.length;
    const { header, findings } = checkBytes({ key, seq, body: found.body, size: found.size });
    const damaged = findings.some(({ severity }) => severity === 'damage');
    if (!damaged || attempt === DAMAGED_ATTEMPTS)
      return { kind: 'read', header, findings, bytes, calm: attempt === 1 || damaged };
  }
}

/** The state of one pass, and what it has told. */
class Pass {
  readonly #journal: Journal;
  readonly #options: VerifyOptions;
  readonly #total: Totals;
  readonly #findings: Record<Severity, number> = { damage: 0, unverified: 0, warning: 0 };
  readonly #slots: Record<SlotKind, number> = { data: 0, fence: 0, filler: 0, checkpoint: 0 };
  #chain: Chain = CHAIN_START;
  #missing: { first: number; last: number; asked: number } | undefined;
  #unread = 0;
  #strangers = 0;
  #objects = 0;
  #bytes = 0;
  #refusedInRow = 0;

  constructor(journal: Journal, options: VerifyOptions, total: Totals) {
    this.#journal = journal;
    this.#options = options;
    this.#total = total;
  }

  take(subject: Subject, seen: Seen): void {
    switch (subject.kind) {
      case 'stranger':
        this.#strangers++;
        this.#tell(strangerFinding(subject.object.key, slotPrefix(this.#journal)));
        return;
      case 'gap':
        this.#absent(subject.first, subject.last, 0);
        return;
      case 'slot':
        this.#slot(subject, seen);
    }
  }

  end(): VerifyReport {
    this.#endGap(undefined);
    endOfChain(this.#chain).forEach((finding) => this.#tell(finding));
    this.#checkEnd();
    const findings = { ...this.#findings };
    return {
      journal: this.#journal.name,
      generation: this.#journal.generation,
      verdict: findings.damage > 0 ? 'damaged' : findings.unverified > 0 ? 'incomplete' : 'clean',
      findings,
      slots: { ...this.#slots },
      unreadSlots: this.#unread,
      strangers: this.#strangers,
      bytes: this.#bytes,
      lastSeq: this.#total.lastSeq,
      contentEnd: this.#chain.offset,
    };
  }

  #slot({ key, seq, listed }: Extract<Subject, { kind: 'slot' }>, seen: Seen): void {
    if (listed) this.#objects++;
    if (seen.kind === 'refused') {
      this.#refusedInRow++;
      if (this.#refusedInRow > MAX_UNREADABLE_IN_ROW) throw seen.error;
    } else this.#refusedInRow = 0;
    if (seen.kind === 'absent') this.#absent(seq, seq, 1);
    else {
      this.#endGap(seen.kind === 'read' ? seen.header : undefined);
      if (seen.kind === 'refused') this.#unreadSlot(seq, [refusedFinding(key, seq, seen.error)]);
      else this.#read(seq, key, listed, seen);
    }
    this.#options.onProgress?.({
      objects: this.#objects,
      totalObjects: this.#total.objects,
      bytes: this.#bytes,
      totalBytes: this.#total.bytes,
    });
  }

  #read(seq: number, key: string, listed: boolean, seen: Extract<Seen, { kind: 'read' }>): void {
    this.#bytes += seen.bytes;
    if (!listed) this.#tell(unlistedFinding(key, seq));
    if (!seen.calm) this.#tell(unstableFinding(key, seq));
    if (!seen.header) {
      this.#unreadSlot(seq, seen.findings);
      return;
    }
    this.#slots[seen.header.kind]++;
    const { begin, end } = seen.header;
    const content = end > begin ? { content: { begin, end } } : {};
    seen.findings.forEach((finding) =>
      this.#tell(finding.severity === 'damage' ? { ...content, ...finding } : finding),
    );
    this.#step(passSlot(this.#chain, seen.header, key));
  }

  #unreadSlot(seq: number, findings: readonly Finding[]): void {
    this.#unread++;
    this.#step(passUnread(this.#chain, seq, seq, findings));
  }

  #absent(first: number, last: number, asked: number): void {
    if (this.#missing) this.#missing = { ...this.#missing, last, asked: this.#missing.asked + asked };
    else this.#missing = { first, last, asked };
  }

  /** What was absent up to here is one finding. `next`: the slot behind it, when it can be read. */
  #endGap(next: SlotHeader | undefined): void {
    const missing = this.#missing;
    if (!missing) return;
    this.#missing = undefined;
    const filling = next?.kind === 'fence' && next.leap && next.seq === this.#total.lastSeq;
    const finding = missingFinding(slotKey(this.#journal, missing.first), missing, filling);
    this.#step(passUnread(this.#chain, missing.first, missing.last, [finding]));
  }

  #checkEnd(): void {
    const { atLeastBytes } = this.#options;
    const { lastSeq = 0 } = this.#total;
    const { offset } = this.#chain;
    if (atLeastBytes === undefined || offset >= atLeastBytes) return;
    this.#tell({
      kind: 'ends-early',
      severity: 'damage',
      key: slotKey(this.#journal, lastSeq),
      seq: lastSeq,
      content: { begin: offset, end: atLeastBytes },
      expected: `content up to byte ${atLeastBytes} at least`,
      found: `its end at byte ${offset}`,
      help: 'The newest slots are gone, or this is another journal or generation. Restore the objects behind this key from a copy of the bucket.',
    });
  }

  #step({ chain, findings }: ChainStep): void {
    this.#chain = chain;
    findings.forEach((finding) => this.#tell(finding));
  }

  #tell(finding: Finding): void {
    this.#findings[finding.severity]++;
    this.#options.onFinding?.(finding);
  }
}

function missingFinding(
  key: string,
  { first, last, asked }: { readonly first: number; readonly last: number; readonly asked: number },
  filling: boolean,
): Finding {
  const found = `no object (${asked} of ${last - first + 1} asked for by GET)`;
  const place = {
    key,
    seq: first,
    lastSeq: last,
    expected: 'a slot for every number below the newest',
    found,
  };
  if (filling)
    return {
      kind: 'unfilled-slots',
      severity: 'unverified',
      ...place,
      help: 'A new primary has put its FENCE ahead of them and fills them within seconds: verify again then. If they stay, let the shard hand over.',
    };
  return {
    kind: 'missing-slots',
    severity: 'damage',
    ...place,
    help: 'Something other than Holdfast deleted them: a lifecycle rule, a clean-up, a person. Restore them from a copy of the bucket, and take the right to delete away from everybody else.',
  };
}

function strangerFinding(key: string, prefix: string): Finding {
  return {
    kind: 'stranger-key',
    severity: 'warning',
    key,
    expected: `only slots below ${prefix}`,
    found: 'a name that no slot has',
    help: 'Readers pass it over. If it is a copy that somebody kept, move it elsewhere.',
  };
}

function refusedFinding(key: string, seq: number, error: StoreError): Finding {
  return {
    kind: 'unreadable',
    severity: 'unverified',
    key,
    seq,
    expected: 'an object that the store gives out',
    found: `${error.code}: ${ensureError(error).message}`,
    help: 'Other objects can be read: look at the storage class of this one (archived objects are not given out), its encryption key and its rights.',
  };
}

function unlistedFinding(key: string, seq: number): Finding {
  return {
    kind: 'unlisted',
    severity: 'warning',
    key,
    seq,
    expected: 'a LIST that shows every slot',
    found: 'a slot that only a GET finds',
    help: 'The index of the store lags or is damaged. Nothing is lost; repeat the verification, and check the store when it stays so.',
  };
}

function unstableFinding(key: string, seq: number): Finding {
  return {
    kind: 'unstable-read',
    severity: 'warning',
    key,
    seq,
    expected: 'the same bytes from every GET',
    found: 'a damaged answer, then a whole one',
    help: 'The object is whole. Something between here and the store damages answers: a proxy, a gateway, memory.',
  };
}
