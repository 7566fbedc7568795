/**
 * Positions (offsets, sequence and slot numbers) are JavaScript numbers, checked at every boundary (DESIGN §4.1).
 */
import { HoldfastError } from './errors.ts';

/** A position that is negative, fractional or beyond 2^53-1. */
export class PositionError extends HoldfastError {
  constructor(what: string, value: number | bigint | string) {
    super('POSITION_OUT_OF_RANGE', `${what} is ${value}: positions are whole numbers from 0 to 2^53-1.`, {
      fields: { what, value: String(value) },
    });
  }
}

/** Returns `value` when it is a position. @throws PositionError */
export function checkPosition(what: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new PositionError(what, value);
  return value;
}

/** Converts a 64-bit value from the wire. @throws PositionError when it does not fit. */
export function positionFromBigInt(what: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new PositionError(what, value);
  return Number(value);
}
