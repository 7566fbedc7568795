/**
 * Slots as a table shows them, from their heads alone: one short GET a slot.
 */
import type { Clock, Random } from '../../base/index.ts';
import { ensureError, errorCode } from '../../base/index.ts';
import { allowsFence, termOf } from '../read/cursor.ts';
import { CorruptSlotError } from '../errors.ts';
import type { Journal } from '../names.ts';
import { retrying } from '../retry.ts';
import { decodeSlotHead, SLOT_HEAD_BYTES, type Registers, type SlotHeader } from '../format/slot.ts';
import { inOrder } from './in-order.ts';
import { listSlots, type ListedObject } from './list-slots.ts';

/** GETs of 512 bytes in flight: as many as the store's connection pool serves without queueing (s3log.md §6.12). */
const HEAD_READS = 32;
/** The store may be away this long, ms, before looking is given up. */
const GIVE_UP_MS = 30_000;

interface Described {
  readonly key: string;
  /** Bytes of the object. */
  readonly size: number;
  readonly lastModifiedMs: number | undefined;
}

export type SlotDescription = Described &
  (
    | {
        readonly kind: 'slot';
        readonly seq: number;
        readonly header: SlotHeader;
        /** Of its session; undefined when that FENCE was not read. */
        readonly term: number | undefined;
        /** A leap FENCE that came too late and opened nothing. */
        readonly isVoid?: boolean;
      }
    /** Its head cannot be read; or it was deleted between LIST and GET. */
    | { readonly kind: 'damaged'; readonly seq: number; readonly code: string; readonly problem: string }
    | { readonly kind: 'stranger' }
  );

export interface DescribeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/** One object that a LIST showed. The term is known for a FENCE only. @throws StoreError, the signal's reason. */
export async function describeSlot(
  journal: Journal,
  listed: ListedObject,
  options: DescribeOptions,
): Promise<SlotDescription> {
  const { key, lastModifiedMs } = listed;
  if (listed.kind === 'stranger') return { kind: 'stranger', key, size: listed.size, lastModifiedMs };
  const call = { range: { start: 0, end: SLOT_HEAD_BYTES }, signal: options.signal };
  const found = await retrying(() => journal.store.get(key, call), { ...options, giveUpMs: GIVE_UP_MS });
  const described = { key, size: found?.size ?? 0, lastModifiedMs, seq: listed.seq };
  const damaged = (code: string, problem: string): SlotDescription => ({
    ...described,
    kind: 'damaged',
    code,
    problem,
  });
  if (!found) return damaged('ABSENT', 'a LIST shows it, a GET does not find it');
  try {
    const {
      payloadLength: _length,
      payloadCrc: _crc,
      ...header
    } = decodeSlotHead(found.body, String(listed.seq));
    if (header.seq !== listed.seq) return damaged('CORRUPT_SLOT', `says it is slot ${header.seq}`);
    return {
      ...described,
      kind: 'slot',
      header,
      term: header.kind === 'fence' ? termOf(header.registers) : undefined,
    };
  } catch (error) {
    const problem =
      error instanceof CorruptSlotError ? String(error.fields['problem']) : ensureError(error).message;
    return damaged(errorCode(error) ?? 'INTERNAL', problem);
  }
}

/** Every object of the journal, in key order, with the terms of their sessions. @throws StoreError, JournalNameError, the signal's reason. */
export async function* describeSlots(
  journal: Journal,
  options: DescribeOptions,
): AsyncGenerator<SlotDescription, void> {
  const attempt = <T>(request: () => Promise<T>): Promise<T> =>
    retrying(request, { ...options, giveUpMs: GIVE_UP_MS });
  const listed = listSlots(journal, { signal: options.signal, attempt });
  const read = (object: ListedObject, signal: AbortSignal): Promise<SlotDescription> =>
    describeSlot(journal, object, { ...options, signal });
  let fence: { readonly seq: number; readonly registers: Registers } | undefined;
  for await (const one of inOrder(listed, HEAD_READS, read, options.signal)) {
    if (one.kind !== 'slot') {
      yield one;
      continue;
    }
    const { header } = one;
    const isVoid = header.kind === 'fence' && header.leap && !isAllowed(fence?.registers, header);
    if (header.kind === 'fence' && !isVoid)
      fence = { seq: one.seq, registers: { ...(header.leap ? fence?.registers : {}), ...header.registers } };
    const term = header.session === fence?.seq ? termOf(fence.registers) : one.term;
    yield { ...one, term, ...(isVoid ? { isVoid } : {}) };
  }
}

/** U4 of cursor.ts. */
function isAllowed(below: Registers | undefined, { registers }: SlotHeader): boolean {
  return allowsFence(below ?? {}, termOf(registers), registers['author'] ?? '0');
}
