/**
 * A fuzz target: a decoder, what it must keep to whatever it is given, and inputs to begin with.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import { HoldfastError, InvariantError } from '../../src/base/index.ts';
import type { SeededRandom } from '../../src/base/testing/index.ts';

export interface Target {
  readonly name: string;
  /** What the decoder is known to take, and what it once failed at. */
  corpus(): Promise<readonly Uint8Array[]>;
  /**
   * Decodes the input. Returns what came of it in a word or two: inputs with a new outcome are kept to go on from. @throws whatever breaks a property;
   * a typed error of the decoder is an outcome (`tried`).
   */
  check(input: Uint8Array, random: SeededRandom): string | Promise<string>;
  /** Puts the checksums right, so that what lies behind them is reached. */
  repair?(input: Uint8Array): void;
}

/** A property that did not hold. */
export class Violation extends Error {}

/** What a decoder gave, or the typed error that it ended with. @throws Violation for any other error: it has no type, or says that the program is wrong */
export function tried<T>(decode: () => T): { readonly value: T } | { readonly refused: HoldfastError } {
  try {
    return { value: decode() };
  } catch (error) {
    return { refused: typed(error) };
  }
}

/** @throws Violation */
export function typed(error: unknown): HoldfastError {
  if (error instanceof HoldfastError && !(error instanceof InvariantError)) return error;
  throw new Violation(`an error that is not the decoder's: ${inspect(error, { depth: 1 })}`, {
    cause: error,
  });
}

/** What a refusal is about: its code and text, without numbers and names in it. */
export function kindOf(error: HoldfastError): string {
  return `${error.code} ${error.message.replaceAll(/\d+|"[^"]*"/g, '#').slice(0, 160)}`;
}

/** @throws Violation when they differ */
export function equal(what: string, got: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(got, wanted)) return;
  const show = (value: unknown): string => inspect(value, { depth: 5, breakLength: Infinity }).slice(0, 400);
  throw new Violation(`${what}: ${show(got)} is not ${show(wanted)}`);
}
