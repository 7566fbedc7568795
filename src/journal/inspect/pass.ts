/**
 * The state of one verification: what was seen goes in, findings and at the end the report come out.
 */
import type { StoreError } from '../../store/index.ts';
import { authorOf, termOf } from '../read/cursor.ts';
import type { Fragment } from '../format/fragment.ts';
import { fragmentKey } from '../format/fragment.ts';
import { slotKey, slotPrefix, type Journal } from '../names.ts';
import type { Plan } from '../read/plan.ts';
import type { SlotHeader, SlotKind } from '../format/slot.ts';
import {
  CHAIN_START,
  endOfChain,
  floorChain,
  passSlot,
  passUnread,
  type Chain,
  type ChainStep,
} from './chain-check.ts';
import type { Finding, Severity } from './finding.ts';
import type { Seen, SeenFragment, Subject } from './look.ts';
import * as told from './told.ts';
import type { UnnamedFragment } from './unnamed.ts';

/** After so many objects in a row that the store does not give out, it is the store, not the objects. */
const MAX_REFUSED_IN_ROW = 32;

export interface VerifyProgress {
  /** Objects read, of all that there are. */
  readonly objects: number;
  readonly totalObjects: number;
  readonly bytes: number;
  readonly totalBytes: number;
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
  /** First slot that readers need; below it content is in fragments or pruned. */
  readonly floor: number;
  readonly fragments: number;
  readonly prunedBytes: number;
  /** Fragments that nobody names or will name, and their bytes. */
  readonly unnamedFragments: number;
  readonly unnamedBytes: number;
  /** Bytes of objects that were read. */
  readonly bytes: number;
  /** Newest slot that was looked at; undefined for a journal without slots. */
  readonly lastSeq: number | undefined;
  /** End of the content as the newest readable slot has it. */
  readonly contentEnd: number;
}

/** What was known before the pass began. */
export interface Known {
  readonly journal: Journal;
  readonly objects: number;
  readonly bytes: number;
  readonly lastSeq: number | undefined;
  readonly plan: Plan | undefined;
  /** Why the plan is not known although there may be one. */
  readonly planProblem: string | undefined;
}

export interface PassPorts {
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  readonly atLeastBytes?: number | undefined;
  /** The floor as a newer CHECKPOINT has it by now, and the fragments it names. */
  readonly newerPlan: () => Promise<Plan | undefined>;
  /** What became of missing slots: left open by leap fences above, filled meanwhile, or lost. */
  readonly holeNow: (first: number, above: number) => Promise<'open' | 'filled' | 'lost'>;
}

export class Pass {
  readonly #known: Known;
  readonly #journal: Journal;
  readonly #floor: number;
  readonly #ports: PassPorts;
  readonly #findings: Record<Severity, number> = { damage: 0, unverified: 0, warning: 0 };
  readonly #slots: Record<SlotKind, number> = { data: 0, fence: 0, filler: 0, checkpoint: 0 };
  /** Offsets of the FENCEs that the CHECKPOINT names below the floor. */
  readonly #fencesBelow: ReadonlyMap<number, number>;
  /** Of what readers need. */
  #chain: Chain;
  /** Of the FENCEs below the floor. */
  #below: Chain = CHAIN_START;
  #missing: { first: number; last: number; asked: number } | undefined;
  #unread = 0;
  #strangers = 0;
  #fragments = 0;
  #objects = 0;
  #bytes = 0;
  #refusedInRow = 0;
  #unnamed = { count: 0, bytes: 0 };

  constructor(known: Known, ports: PassPorts) {
    const { journal, plan } = known;
    this.#known = known;
    this.#journal = journal;
    this.#ports = ports;
    this.#floor = plan?.index.floor ?? 0;
    this.#fencesBelow = new Map(plan?.index.fences.map(({ seq, offset }) => [seq, offset]));
    this.#chain = plan ? floorChain(plan, slotKey(journal, plan.index.floor - 1)) : CHAIN_START;
  }

  /**
   * The FENCE of the session that publishes a plan is the last one below the floor (compaction-index.ts N2). It is not named when it stands inside of
   * pruned content (prune.ts).
   */
  takePlan(): void {
    const { plan } = this.#known;
    const fence = plan?.index.fences.at(-1)?.seq;
    if (!plan || fence === plan.session) return;
    if ((fence ?? -1) < plan.session && plan.index.pruned.length > 0) return;
    const { key, seq } = this.#checkpoint();
    const problem = `its header is of session ${plan.session}, its index ends with FENCE ${fence ?? 'none'}`;
    this.#tell(told.badPlanFinding(key, seq, problem));
  }

  #checkpoint(): { readonly seq: number; readonly key: string } {
    const seq = this.#known.plan?.seq ?? 0;
    return { seq, key: slotKey(this.#journal, seq) };
  }

  async takeFragment(fragment: Fragment, seen: SeenFragment): Promise<void> {
    this.#objects++;
    this.#fragments++;
    this.#refused(seen.kind === 'refused' ? seen.error : undefined);
    if (seen.kind === 'refused') this.#tell(told.refusedFragmentFinding(this.#journal, fragment, seen.error));
    else if (seen.kind === 'absent') await this.#absentFragment(fragment);
    else {
      this.#bytes += fragment.storedBytes;
      if (seen.kind === 'damaged')
        this.#tell(told.damagedFragmentFinding(this.#journal, fragment, seen.problem));
    }
    this.#progress();
  }

  takeUnnamed(fragment: UnnamedFragment): void {
    this.#unnamed = { count: this.#unnamed.count + 1, bytes: this.#unnamed.bytes + fragment.size };
    this.#tell(told.unnamedFragmentFinding(fragment));
  }

  async takeSlot(subject: Subject, seen: Seen): Promise<void> {
    switch (subject.kind) {
      case 'stranger':
        this.#strangers++;
        this.#tell(told.strangerFinding(subject.key, slotPrefix(this.#journal)));
        return;
      case 'gap':
        this.#absent(subject.first, subject.last, 0);
        return;
      case 'slot':
        await this.#slot(subject, seen);
    }
  }

  async end(): Promise<VerifyReport> {
    await this.#endGap();
    endOfChain(this.#chain).forEach((finding) => this.#tell(finding));
    const { journal, lastSeq, plan, planProblem } = this.#known;
    if (planProblem !== undefined && this.#findings.damage === 0)
      this.#tell(told.badPlanFinding(slotKey(journal, lastSeq ?? 0), lastSeq ?? 0, planProblem));
    const { atLeastBytes } = this.#ports;
    const { offset } = this.#chain;
    if (atLeastBytes !== undefined && offset < atLeastBytes)
      this.#tell(told.endsEarlyFinding(journal, lastSeq ?? 0, offset, atLeastBytes));
    const findings = { ...this.#findings };
    return {
      journal: journal.name,
      generation: journal.generation,
      verdict: findings.damage > 0 ? 'damaged' : findings.unverified > 0 ? 'incomplete' : 'clean',
      findings,
      slots: { ...this.#slots },
      unreadSlots: this.#unread,
      strangers: this.#strangers,
      floor: this.#floor,
      fragments: this.#fragments,
      unnamedFragments: this.#unnamed.count,
      unnamedBytes: this.#unnamed.bytes,
      prunedBytes: (plan?.index.pruned ?? []).reduce((sum, { begin, end }) => sum + end - begin, 0),
      bytes: this.#bytes,
      lastSeq,
      contentEnd: offset,
    };
  }

  async #slot({ key, seq, listed }: Extract<Subject, { kind: 'slot' }>, seen: Seen): Promise<void> {
    if (listed) this.#objects++;
    this.#refused(seen.kind === 'refused' ? seen.error : undefined);
    if (seen.kind === 'read') {
      this.#bytes += seen.bytes;
      if (!listed) this.#tell(told.unlistedFinding(key, seq));
      if (!seen.calm) this.#tell(told.unstableFinding(key, seq));
    }
    if (seq < this.#floor) this.#slotBelow(seq, key, seen);
    else if (seen.kind === 'absent') this.#absent(seq, seq, 1);
    else {
      await this.#endGap();
      if (seen.kind === 'refused') this.#unreadSlot(seq, [told.refusedFinding(key, seq, seen.error)]);
      else this.#read(seq, key, seen);
    }
    this.#progress();
  }

  #read(seq: number, key: string, { header, findings }: Extract<Seen, { kind: 'read' }>): void {
    if (!header) {
      this.#unreadSlot(seq, findings);
      return;
    }
    this.#slots[header.kind]++;
    const { begin, end } = header;
    const content = end > begin ? { content: { begin, end } } : {};
    for (const finding of findings)
      this.#tell(finding.severity === 'damage' ? { ...content, ...finding } : finding);
    this.#step(passSlot(this.#chain, header, key));
  }

  /** A slot below the floor: its bytes are told as a warning, its content is in fragments; a FENCE has to stand as the CHECKPOINT has it. */
  #slotBelow(seq: number, key: string, seen: Seen): void {
    if (seen.kind === 'refused') this.#tell(told.refusedFinding(key, seq, seen.error));
    if (seen.kind === 'absent' && this.#fencesBelow.has(seq)) this.#tell(told.missingFenceFinding(key, seq));
    if (seen.kind !== 'read') return;
    seen.findings.forEach((finding) => this.#tell(told.belowFloor(finding)));
    if (!seen.header) this.#unread++;
    else {
      this.#slots[seen.header.kind]++;
      if (seen.header.kind === 'fence') this.#fenceSlotBelow(seen.header, key);
      else if (this.#fencesBelow.has(seq))
        this.#tell(
          told.fenceMismatchFinding(
            key,
            seq,
            this.#checkpoint(),
            'a FENCE',
            `a ${seen.header.kind.toUpperCase()} slot`,
          ),
        );
    }
  }

  #fenceSlotBelow(header: SlotHeader, key: string): void {
    const { index, session, registers } = this.#known.plan!;
    const { seq, begin } = header;
    const offset = this.#fencesBelow.get(seq);
    if (offset === undefined) {
      // A leap FENCE may be void (U4 of cursor.ts): no index names it.
      if (!header.leap && !index.pruned.some((range) => range.begin < begin && begin < range.end))
        this.#tell(told.strayFenceFinding(key, seq));
      return;
    }
    if (!header.leap && begin !== offset)
      this.#tell(
        told.fenceMismatchFinding(
          key,
          seq,
          this.#checkpoint(),
          `FENCE ${seq} at byte ${offset}`,
          `byte ${begin}`,
        ),
      );
    const [term, author] = [termOf(registers), authorOf(registers)];
    const own = seq === session;
    if (own && (termOf(header.registers) !== term || header.author !== author))
      this.#tell(
        told.fenceMismatchFinding(
          key,
          seq,
          this.#checkpoint(),
          `term ${term}, author ${author.toString(32)} as the CHECKPOINT has it`,
          `term ${termOf(header.registers)}, author ${header.author.toString(32)}`,
        ),
      );
    const before = { ...this.#below, offset: 0, offsetKnown: false, last: undefined, checkpoint: seq };
    const { chain, findings } = passSlot(before, header, key);
    this.#below = chain;
    findings.forEach((finding) => this.#tell(finding));
  }

  #unreadSlot(seq: number, findings: readonly Finding[]): void {
    this.#unread++;
    this.#step(passUnread(this.#chain, seq, seq, findings));
  }

  #absent(first: number, last: number, asked: number): void {
    if (this.#missing) this.#missing = { ...this.#missing, last, asked: this.#missing.asked + asked };
    else this.#missing = { first, last, asked };
  }

  /** What was absent up to here is one finding. */
  async #endGap(): Promise<void> {
    const missing = this.#missing;
    if (!missing) return;
    this.#missing = undefined;
    const key = slotKey(this.#journal, missing.first);
    const hole = await this.#ports.holeNow(missing.first, missing.last + 1);
    const newer = hole === 'lost' ? await this.#ports.newerPlan() : undefined;
    const why = hole === 'lost' && this.#known.planProblem !== undefined ? 'plan unknown' : hole;
    const finding =
      newer && newer.index.floor > missing.last
        ? told.movedFinding(key, missing.first)
        : told.missingFinding(key, missing, why);
    this.#step(passUnread(this.#chain, missing.first, missing.last, [finding]));
  }

  async #absentFragment(fragment: Fragment): Promise<void> {
    const newer = await this.#ports.newerPlan();
    const { begin, end, sha1 } = fragment;
    const moved =
      newer &&
      !newer.index.fragments.some((one) => one.sha1 === sha1 && one.begin === begin && one.end === end);
    this.#tell(
      moved
        ? told.movedFinding(fragmentKey(this.#journal, fragment), newer.seq)
        : told.missingFragmentFinding(this.#journal, fragment),
    );
  }

  #refused(error: StoreError | undefined): void {
    this.#refusedInRow = error ? this.#refusedInRow + 1 : 0;
    if (error && this.#refusedInRow > MAX_REFUSED_IN_ROW) throw error;
  }

  #progress(): void {
    this.#ports.onProgress?.({
      objects: this.#objects,
      totalObjects: this.#known.objects,
      bytes: this.#bytes,
      totalBytes: this.#known.bytes,
    });
  }

  #step({ chain, findings }: ChainStep): void {
    this.#chain = chain;
    findings.forEach((finding) => this.#tell(finding));
  }

  #tell(finding: Finding): void {
    this.#findings[finding.severity]++;
    this.#ports.onFinding?.(finding);
  }
}
