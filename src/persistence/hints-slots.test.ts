/**
 * The hints slots: the same rules in memory and in annotations.
 */
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  fromUtf8,
  silentLogger,
  systemClock,
  systemRandom,
  toHex,
  utf8,
  type LogFields,
  type Logger,
} from '../base/index.ts';
import { RESOURCES } from '../kube/index.ts';
import { HINTS_SLOTS, hintsSlots, memoryHintsSlots, type HintsForm, type HintsSlots } from './index.ts';
import { ScriptedObject } from './testing/index.ts';

const KEYS = { primary: 'primary', 'backup-0': 'backup-0', 'backup-1': 'backup-1' } as const;

interface Slots {
  readonly slots: HintsSlots;
  /** What is stored, for damage. */
  change(annotations: Record<string, string>): void;
  readonly stored: Record<string, string>;
  readonly object?: ScriptedObject;
}

function inMemory(): Slots {
  const slots = memoryHintsSlots();
  return {
    slots,
    change: (annotations) => (slots.annotations = { ...slots.annotations, ...annotations }),
    get stored() {
      return slots.annotations;
    },
  };
}

function slotsOf(object: ScriptedObject, log: Logger = silentLogger): HintsSlots {
  return hintsSlots({
    kube: object.kube,
    resource: RESOURCES.secret,
    namespace: 'n',
    name: 'o',
    annotations: KEYS,
    writer: 'test',
    clock: systemClock,
    random: systemRandom,
    log,
  });
}

function inAnnotations(): Slots {
  const object = new ScriptedObject();
  return {
    slots: slotsOf(object),
    object,
    change: (annotations) => object.touch(annotations),
    get stored() {
      return object.annotations;
    },
  };
}

async function shown({ slots }: Slots): Promise<string[]> {
  const read = await slots.readAll();
  return HINTS_SLOTS.map((slot) => {
    const each = read[slot];
    return each.kind === 'value' ? `${each.term}:${fromUtf8(each.value)}` : each.kind;
  });
}

const write = ({ slots }: Slots, term: number, value: string, rotate = false): Promise<HintsForm> =>
  slots.write({ term, value: utf8(value), rotate });

describe.each<[string, () => Slots]>([
  ['memory', inMemory],
  ['annotations', inAnnotations],
])('hints in %s', (_, make) => {
  test('begin absent; the first write fills one slot', async () => {
    const made = make();
    expect(await shown(made)).toEqual(['absent', 'absent', 'absent']);
    await write(made, 1, 'a', true);
    expect(await shown(made)).toEqual(['1:a', 'absent', 'absent']);
  });

  test('of one term replace each other; those of a new term push the older ones back', async () => {
    const made = make();
    await write(made, 1, 'a', true);
    await write(made, 1, 'b');
    await write(made, 2, 'c', true);
    await write(made, 2, 'd');
    await write(made, 3, 'e', true);
    await write(made, 4, 'f', true);
    expect(await shown(made)).toEqual(['4:f', '3:e', '2:d']);
  });

  test('of an earlier term are refused, whatever slot holds the later one', async () => {
    const made = make();
    await write(made, 5, 'a', true);
    await expect(write(made, 4, 'zombie')).rejects.toMatchObject({
      code: 'HINTS_STALE_TERM',
      fields: { stored: 5 },
    });
    await write(made, 5, 'b', true);
    made.change({ primary: 'damaged' });
    await expect(write(made, 4, 'zombie', true)).rejects.toMatchObject({ code: 'HINTS_STALE_TERM' });
  });

  test('that are damaged are told as that, do not keep a primary from writing, and are not carried on', async () => {
    const made = make();
    await write(made, 1, 'a', true);
    await write(made, 2, 'b', true);
    made.change({ primary: made.stored['primary']!.slice(0, -3) });
    expect(await shown(made)).toEqual(['corrupt', '1:a', 'absent']);
    await write(made, 3, 'c', true);
    expect(await shown(made)).toEqual(['3:c', '1:a', 'absent']);
  });
});

test('all slots move in one write, and an answer that is lost moves them once', async () => {
  const made = inAnnotations();
  await write(made, 1, 'a', true);
  made.object!.writes.push('lose-answer');
  await write(made, 2, 'b', true);
  expect(made.object!.arrived).toBe(2);
  expect(await shown(made)).toEqual(['2:b', '1:a', 'absent']);
});

test('hints that do not fit, and have no store beside them, are refused; the older ones stay', async () => {
  const made = inAnnotations();
  await write(made, 1, 'a', true);
  const large = toHex(systemRandom.bytes(150_000)); // packed it is half as long
  await expect(write(made, 2, large, true)).rejects.toMatchObject({ code: 'STATE_TOO_LARGE' });
  expect(await shown(made)).toEqual(['1:a', 'absent', 'absent']);
});

test('a damaged slot that is replaced is named in the log by its digest', async () => {
  const object = new ScriptedObject();
  const lines: { message: string; fields: LogFields | undefined }[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (message, fields) => void lines.push({ message, fields }),
  };
  const slots = slotsOf(object, log);
  object.touch({ primary: 'damaged' });
  await slots.write({ term: 1, value: utf8('a'), rotate: true });
  const digest = createHash('sha256').update('damaged').digest('hex');
  expect(lines.map(({ fields }) => fields)).toMatchObject([
    { slot: 'primary', digest, error: { code: 'STATE_CORRUPT' } },
  ]);
  await slots.write({ term: 1, value: utf8('b'), rotate: false });
  expect(lines.length).toBe(1); // nothing is damaged any more
});
