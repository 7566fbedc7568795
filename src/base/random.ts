/**
 * Randomness as a port: the simulator replaces it by a seeded generator (base/testing).
 */
import { randomBytes, randomInt } from 'node:crypto';

export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform integer in [0, bound), bound at most 2^48. */
  below(bound: number): number;
}

const UNIT_STEPS = 2 ** 48 - 1;

export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  unit: () => randomInt(UNIT_STEPS) / UNIT_STEPS,
  below: (bound) => randomInt(bound),
};
