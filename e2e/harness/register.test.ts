/**
 * The register's model and its history, against histories whose verdict is known.
 */
import { describe, expect, test } from '@jest/globals';
import { RegisterHistory, type RegisterInput, type RegisterOutput } from './register.ts';

type Step = readonly [RegisterInput, RegisterOutput | undefined];

const get = (value: string | undefined): Step => [{ kind: 'get' }, { value }];
const put = (value: string, answered = true): Step => [{ kind: 'put', value }, answered ? true : undefined];
const remove = (existed: boolean | undefined): Step => [{ kind: 'delete' }, existed];
const cas = (expected: string | undefined, value: string, swapped: boolean | undefined): Step => [
  { kind: 'cas', expected, value },
  swapped,
];

/** One operation after another; those without an answer stay under way. */
function oneAfterAnother(steps: readonly Step[]): string[] {
  const history = new RegisterHistory();
  for (const [input, output] of steps) {
    const returned = history.call('p', 'k', input);
    if (output !== undefined) returned(output);
  }
  return history.wrong();
}

describe('a history of one key', () => {
  test.each<[string, boolean, readonly Step[]]>([
    ['nothing is there at first', true, [get(undefined)]],
    [
      'what was put, compared, deleted',
      true,
      [put('a'), cas('a', 'b', true), get('b'), remove(true), get(undefined)],
    ],
    ['a compare-and-set that fails leaves the value', true, [put('a'), cas('x', 'b', false), get('a')]],
    ['absence can be expected', true, [cas(undefined, 'a', true), cas(undefined, 'b', false), get('a')]],
    ['an acknowledged put is lost', false, [put('a'), get(undefined)]],
    ['a stale read', false, [put('a'), put('b'), get('a')]],
    [
      'a compare-and-set says no and takes place all the same',
      false,
      [put('a'), cas('a', 'b', false), get('b')],
    ],
    ['a compare-and-set takes place twice', false, [put('a'), cas('a', 'b', true), put('a'), get('b')]],
    ['a delete finds what was not there', false, [remove(true)]],
    ['a delete comes back', false, [put('a'), remove(true), get('a')]],
    ['a put without an answer shows later', true, [put('a', false), get(undefined), get('a')]],
    ['a put without an answer shows twice', false, [put('a', false), get('a'), put('b'), get('b'), get('a')]],
    [
      'a compare-and-set without an answer took place, or not',
      true,
      [put('a'), cas('a', 'b', undefined), get('a'), get('b')],
    ],
  ])('%s: %p', (_story, linearizable, steps) => {
    const wrong = oneAfterAnother(steps);
    expect(wrong).toHaveLength(linearizable ? 0 : 1);
    if (!linearizable) expect(wrong[0]).toMatch(/^key k: not linearizable/);
  });

  test('keys have histories of their own, and what is under way at once may come in any order', () => {
    const history = new RegisterHistory();
    const [a, b] = [
      history.call('p', 'k', { kind: 'put', value: 'a' }),
      history.call('q', 'k', { kind: 'put', value: 'b' }),
    ];
    history.call('r', 'other', { kind: 'get' })({ value: undefined });
    a(true);
    b(true);
    history.call('r', 'k', { kind: 'get' })({ value: 'a' });
    history.call('r', 'k', { kind: 'get' }); // never answered: says nothing
    expect(history.wrong()).toEqual([]);
    expect(history.counts).toEqual({ answered: 4, unknown: 0 });
    history.call('r', 'k', { kind: 'get' })({ value: 'b' });
    expect(history.wrong()).toHaveLength(1);
  });
});
