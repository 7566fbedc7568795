import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { explore } from './explore.ts';
import { RIGHT, type Rules } from './state.ts';

const LIMIT = 2_000_000;

/** Bounds within which the right rules are searched to the last state. */
const CLEAN: readonly [string, Partial<Rules>][] = [
  ['two writers, appends, checkpoints and deletion', { data: 1, checkpoints: 1, resends: 1 }],
  ['two writers, two appends each, no repeats', { data: 2, checkpoints: 1, resends: 0 }],
  ['two writers and a linearizable read', { data: 1, checkpoints: 1, resends: 0, reads: 1 }],
  ['two writers, a read, repeated PUTs, no deletion', { data: 1, checkpoints: 0, resends: 1, reads: 1 }],
  ['three writers without deletion', { writers: 3, data: 1, checkpoints: 0, resends: 0 }],
  ['two writers, a leap over one slot', { leap: 1, data: 2, checkpoints: 1, resends: 0 }],
  ['two writers, a leap over two slots', { leap: 2, data: 2, checkpoints: 1, resends: 0 }],
  ['two writers, a leap and a linearizable read', { leap: 1, checkpoints: 0, resends: 0, reads: 1 }],
  ['three writers that leap, without deletion', { writers: 3, leap: 1, checkpoints: 0, resends: 0 }],
];

/** Rules broken one at a time, in the smallest bounds that show it. */
const BROKEN: readonly [string, Partial<Rules>][] = [
  ['fences are deleted: a late append lands in the fence that stopped it', { keepFences: false }],
  [
    'no look at the floor after the fence: a stale opener lives below it',
    { floorCheck: false, data: 2, resends: 0 },
  ],
  ['acknowledged when sent', { acknowledge: 'sent', reads: 1, resends: 0 }],
  ['a taken key counts as the own slot', { onExists: 'assume-own' }],
  ['a fenced writer passes over the fence and goes on', { onForeign: 'go-on', data: 2 }],
  ['two PUTs in flight, three sessions', { depth: 2, writers: 3, resends: 0 }],
  ['reads without proof', { readBy: 'no-proof', reads: 1, resends: 0 }],
  [
    'reads by a GET of the slot after the last confirmed one',
    { readBy: 'after-confirmed', reads: 1, resends: 0 },
  ],
  [
    'reads by a 404, with a slot below it unconfirmed',
    { readBy: 'after-sent-unconfirmed', reads: 1, resends: 0 },
  ],
  [
    'reads by any confirmation that comes after them',
    { readBy: 'any-confirmation', reads: 1, resends: 0, checkpoints: 0 },
  ],
  ['fillers are deleted: a late append lands in one', { keepFillers: false, leap: 1, resends: 0 }],
  ['leap fences are deleted: a late append lands in one', { keepLeaps: false, leap: 1, data: 2, resends: 0 }],
  ['a leap without reload: a FILLER in a reclaimed slot', { reload: false, leap: 2, resends: 0 }],
  [
    'a reader passes a hole below a leap fence',
    { holes: 'pass', writers: 3, leap: 1, checkpoints: 0, resends: 0 },
  ],
  ['the owner of a leap fence fills no hole', { fill: false, leap: 1, checkpoints: 0, resends: 0 }],
  ['a read joins a GET that began before it', { readBy: 'join-get', reads: 1, resends: 0, checkpoints: 0 }],
];

describe('the protocol, searched exhaustively', () => {
  let states = 0;

  test.each(CLEAN)('keeps every promise: %s', (_name, bounds) => {
    const found = explore({ ...RIGHT, ...bounds }, LIMIT);
    expect(found.violation).toBeUndefined();
    expect(found.exhaustive).toBe(true);
    expect(found.states).toBeGreaterThan(1000);
    states += found.states;
  });

  test('in as many states and with as many broken rules as the README says', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const row = readme.split('\n').find((line) => line.includes('`src/journal/model`'));
    expect(row).toContain(`${states.toLocaleString('en')} states`);
    expect(row).toContain(`${BROKEN.length} broken rules`);
  });

  test.each(BROKEN)('is not safe without its rule: %s', (_name, change) => {
    const found = explore({ ...RIGHT, ...change }, LIMIT);
    expect(found.violation?.what).toMatch(/^w\d (acknowledged|served|opened)/);
    expect(found.violation!.story.length).toBeGreaterThan(3);
  });
});
