/**
 * The mutation engine: a few small changes to an input, of the kinds that decoders trip over.
 *
 * U1  The same random numbers give the same input.
 * U2  An input never has more than MAX_INPUT_BYTES: a decoder must not need more than a small one to go wrong.
 */
import { concatBytes, viewOf } from '../../src/base/index.ts';
import type { SeededRandom } from '../../src/base/testing/index.ts';

export const MAX_INPUT_BYTES = 16 * 1024;
/** Most changes to one input. */
const MAX_CHANGES = 6;
/** Numbers at the edges of what fields hold. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const DIGITS = new TextEncoder().encode('0123456789abcdef-./{}[]",:eE');

type Change = (input: Uint8Array, other: Uint8Array, random: SeededRandom) => Uint8Array;

const within = (input: Uint8Array, random: SeededRandom): number => random.below(input.length + 1);

/** A piece of an input: mostly short. */
function piece(input: Uint8Array, random: SeededRandom): Uint8Array {
  const from = within(input, random);
  const length = random.below(random.chance(0.8) ? 17 : input.length + 1);
  return input.subarray(from, from + length);
}

/** `input` with the bytes from `at` on replaced; it does not grow. */
function over(input: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  const changed = input.slice();
  changed.set(bytes.subarray(0, Math.max(0, changed.length - at)), Math.min(at, changed.length));
  return changed;
}

function insert(input: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([input.subarray(0, at), bytes, input.subarray(at)]);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}

/** A number at an edge, as a varint, in decimal digits, or fixed in either length and order. */
function edge(random: SeededRandom): Uint8Array {
  const value = random.pick(EDGES);
  const fixed = new Uint8Array(random.pick([2, 4, 8]));
  const wide = new Uint8Array(8);
  const little = random.chance(0.7);
  viewOf(wide).setBigUint64(0, value, little);
  fixed.set(little ? wide.subarray(0, fixed.length) : wide.subarray(8 - fixed.length));
  return random.pick([varint(value), fixed, new TextEncoder().encode(String(value))]);
}

const CHANGES: readonly Change[] = [
  (input, _other, random) => {
    if (input.length === 0) return input;
    const at = random.below(input.length);
    return over(input, at, Uint8Array.of(input[at]! ^ (1 << random.below(8))));
  },
  (input, _other, random) => over(input, within(input, random), random.bytes(1 + random.below(4))),
  (input, _other, random) => over(input, within(input, random), Uint8Array.of(random.pick([...DIGITS]))),
  (input, _other, random) => over(input, within(input, random), edge(random)),
  (input, _other, random) => insert(input, within(input, random), edge(random)),
  (input, _other, random) => insert(input, within(input, random), piece(input, random)),
  (input, other, random) => insert(input, within(input, random), piece(other, random)),
  (input, other, random) =>
    concatBytes([input.subarray(0, within(input, random)), other.subarray(within(other, random))]),
  (input, _other, random) => input.subarray(0, within(input, random)),
  (input, _other, random) => {
    const at = within(input, random);
    return concatBytes([input.subarray(0, at), input.subarray(at + 1 + random.below(9))]);
  },
  (input) => concatBytes([input, input]),
];

/** A changed copy of an input (U1, U2). */
export function mutate(input: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  let changed = input;
  for (let left = 1 + random.below(MAX_CHANGES); left > 0; left--)
    changed = random.pick(CHANGES)(changed, other, random).subarray(0, MAX_INPUT_BYTES);
  return changed.slice();
}
