/** testkit/compare: says where two things that have to be equal are not. */
import { inspect, isDeepStrictEqual } from 'node:util';
import { toHex } from '../../base/index.ts';
import type { Result } from '../types.ts';
import type { Driver, Print } from './driver.ts';
import { ContractError } from './subject.ts';

/** Characters of a value in a message. */
const SHOWN = 200;

export function shown(value: unknown): string {
  const text =
    value instanceof Uint8Array ? `0x${toHex(value)}` : inspect(value, { depth: 6, breakLength: Infinity });
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** @throws ContractError unless both states look the same */
export function samePrint(rule: string, what: string, found: Print, expected: Print): void {
  for (const [n, answer] of found.answers.entries())
    if (!isDeepStrictEqual(answer, expected.answers[n]))
      throw new ContractError(
        rule,
        `${what}: query ${n} answers ${shown(answer)} where ${shown(expected.answers[n])} is right`,
        { query: n },
      );
  if (found.hash !== expected.hash)
    throw new ContractError(
      rule,
      `${what}: every query answers the same, and stateHash does not (${found.hash}, ${expected.hash}). It must depend on the state alone, or the queries do not show all of the state`,
    );
}

/** @param first index of the first of them */
export function sameResults(
  rule: string,
  what: string,
  found: readonly Result[],
  expected: readonly Result[],
  first: number,
): void {
  for (const [n, result] of found.entries())
    if (!isDeepStrictEqual(plain(result), plain(expected[n])))
      throw new ContractError(
        rule,
        `${what}: command ${first + n} results in ${shown(plain(result))} where ${shown(plain(expected[n]))} is right`,
        { index: first + n },
      );
}

function plain(result: Result | undefined): unknown {
  return result && { value: result.value, data: toHex(result.data) };
}

/** Runs with machines, and closes every one of them, however it ends. */
export async function withDrivers<Query, Answer, View>(
  drivers: readonly Promise<Driver<Query, Answer, View>>[],
  use: (...drivers: Driver<Query, Answer, View>[]) => Promise<void>,
): Promise<void> {
  const started = await Promise.allSettled(drivers);
  try {
    await use(...(await Promise.all(drivers)));
  } finally {
    for (const each of started) if (each.status === 'fulfilled') await each.value.close();
  }
}
