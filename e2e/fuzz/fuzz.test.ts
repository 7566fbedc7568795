import { describe, expect, test } from '@jest/globals';
import { crc32c, toHex, viewOf } from '../../src/base/index.ts';
import { WireError } from '../../src/recoverylog/index.ts';
import { keptInputs } from './corpus.ts';
import { execute, fuzz } from './fuzz.ts';
import { equal, kindOf, tried, type Target } from './target.ts';
import { TARGETS } from './targets.ts';

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (name, target) => {
  test('keeps its properties on the first inputs of a seed, and comes to more outcomes than its corpus', async () => {
    const { failure, outcomes, executions } = await fuzz(target, { seed: 20_261_121, executions: 1_500 });
    expect(failure && [toHex(failure.input), failure.error.message]).toBeUndefined();
    expect(executions).toBe(1_500);
    expect(outcomes.size).toBeGreaterThan(5);
  });

  test('keeps them on every input that it once failed at', async () => {
    for (const { input } of await keptInputs(name))
      expect(await execute(target, input, 1)).toEqual(expect.any(String));
  });
});

/** A decoder that takes `HF`, a length and as many bytes; what it does wrong with them is its own. */
function planted(name: string, decode: (input: Uint8Array) => number): Target {
  return {
    name,
    corpus: async () => [Uint8Array.of(0x48, 0x46, 3, 0, 0, 0, 1, 2, 3)],
    check: (input) => {
      const taken = tried(() => {
        if (input.length < 6 || input[0] !== 0x48 || input[1] !== 0x46)
          throw new WireError('planted', 'no header');
        return decode(input);
      });
      if ('refused' in taken) return kindOf(taken.refused);
      equal('length', taken.value, input.length - 6);
      return 'taken';
    },
  };
}

const lengthOf = (input: Uint8Array): number => viewOf(input).getUint32(2, true);

describe('a decoder with a fault is found out', () => {
  test.each([
    [
      'an error without type',
      (input: Uint8Array) => viewOf(input).getUint32(6, true) && input.length - 6,
      /not the decoder's/,
    ],
    [
      'a length that is believed',
      (input: Uint8Array) => new Uint8Array(Math.min(lengthOf(input), 2 ** 30)).length && input.length - 6,
      /bytes of memory/,
    ],
    ['a length that is not compared', (input: Uint8Array) => lengthOf(input), /^length/],
  ])('%s', async (name, decode, message) => {
    const { failure } = await fuzz(planted(name, decode), { seed: 3, executions: 5_000 });
    expect(failure?.error.message).toMatch(message);
    await expect(execute(planted(name, decode), failure!.input, 3)).rejects.toThrow(message); // and again
  });
});

test('a run is the same each time, by its seed', async () => {
  const run = async (seed: number): Promise<number> => {
    let digest = 0;
    const before = (input: Uint8Array): void => {
      digest = crc32c(input, digest);
    };
    await fuzz(TARGETS[0]!, { seed, executions: 400, before });
    return digest;
  };
  expect(await run(5)).toBe(await run(5));
  expect(await run(5)).not.toBe(await run(6));
});
