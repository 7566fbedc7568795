/**
 * What a session puts into its next slot, and the slot's frozen bytes.
 */
import type { HoldfastError } from '../../base/index.ts';
import type { Prepared } from './preparer.ts';
import { encodeSlot, sealSlot, type SlotHeader } from '../format/slot.ts';

/** A CHECKPOINT that waits for its turn or is under way. */
export interface CheckpointWaiter {
  readonly payload: Uint8Array;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** `end`: where the content of the log ends with it. */
export type Outgoing =
  | { readonly kind: 'data'; readonly end: number; readonly prepared: Prepared }
  | { readonly kind: 'checkpoint'; readonly end: number; readonly waiter: CheckpointWaiter };

/** The bytes of the slot; they never change afterwards (session.ts A2). */
export function slotBytes(outgoing: Outgoing, header: SlotHeader): Uint8Array {
  if (outgoing.kind === 'checkpoint') return encodeSlot({ ...header, payload: outgoing.waiter.payload });
  return sealSlot(outgoing.prepared.bytes, header, outgoing.prepared.payloadCrc);
}
