/**
 * Which calls to a disk fail: the n-th of those that count, or each by chance; or the n-th ends the machine.
 *
 * Q1  An injector that has struck tells at what, for whoever judges.
 */
import type { SeededRandom } from '../../../src/base/testing/index.ts';
import { systemError, type Access, type Injector, type Operation } from './volume.ts';

export interface Strike {
  readonly injector: Injector;
  /** What was struck, in order (Q1). */
  readonly struck: readonly Operation[];
}

export interface StrikeOptions {
  /** Only calls of these kinds count; all by default. */
  readonly access?: readonly Access[];
  /** EIO by default. */
  readonly code?: string;
  /** Whether the call has its effect although it fails. */
  readonly hadEffect?: boolean;
  /** The disk is broken from there on. */
  readonly forGood?: boolean;
}

/** The `n`th call that counts fails, from 1 on. */
export function failsAt(n: number, options: StrikeOptions = {}): Strike {
  let counted = 0;
  return failing((): boolean => {
    counted++;
    return counted === n || (options.forGood === true && counted > n);
  }, options);
}

/** Each call that counts fails with probability `p`. */
export function failsByChance(p: number, random: SeededRandom, options: StrikeOptions = {}): Strike {
  return failing(() => random.chance(p), options);
}

function failing(strikes: () => boolean, options: StrikeOptions): Strike {
  const { access, code = 'EIO', hadEffect = false } = options;
  const struck: Operation[] = [];
  const injector: Injector = (operation) => {
    if (access && !access.includes(operation.access)) return 'done';
    if (!strikes()) return 'done';
    struck.push(operation);
    return { error: systemError(code, operation.call, operation.path), hadEffect };
  };
  return { injector, struck };
}

/** Before the `n`th call `end` is called, once: it cuts the power, or kills the process. */
export function endsAt(n: number, end: () => void): Strike {
  const struck: Operation[] = [];
  const injector: Injector = (operation) => {
    if (operation.number !== n || struck.length > 0) return 'done';
    struck.push(operation);
    end();
    return 'done';
  };
  return { injector, struck };
}

/** Every read and write does less than it was asked for, with probability `p`. */
export function shortByChance(p: number, random: SeededRandom): Injector {
  return () => (random.chance(p) ? 'short' : 'done');
}
