/**
 * Memory and annotations against one conformance suite; annotations against an object that fails on command.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { fromUtf8, systemClock, systemRandom, utf8, type Clock } from '../base/index.ts';
import { VirtualClock } from '../base/testing/index.ts';
import { RESOURCES } from '../kube/index.ts';
import {
  annotationStore,
  MAX_ANNOTATION_BYTES,
  memoryStore,
  updateState,
  type RevisionStore,
} from './index.ts';
import { CONFORMANCE, ScriptedObject } from './testing/index.ts';

const retry = { clock: systemClock, random: systemRandom };

function annotationsOf(object: ScriptedObject, clock: Clock = systemClock): RevisionStore {
  return annotationStore({
    kube: object.kube,
    resource: RESOURCES.secret,
    namespace: 'n',
    name: 'o',
    keyPrefix: 'holdfast.dev/state-',
    writer: 'test',
    clock,
    random: systemRandom,
  });
}

describe.each<[string, () => RevisionStore]>([
  ['memory', memoryStore],
  ['annotations', () => annotationsOf(new ScriptedObject())],
])('%s', (_, make) => {
  test.each(CONFORMANCE.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    await each.run(make());
  });
});

describe('annotations on a bad day', () => {
  let object: ScriptedObject;
  let store: RevisionStore;
  beforeEach(() => {
    object = new ScriptedObject();
    store = annotationsOf(object);
  });

  test('an answer that is lost is found out, and nothing is written twice', async () => {
    object.writes.push('lose-answer');
    expect(await store.compareAndSet('id', undefined, utf8('a'))).toBe(1);
    expect(object.arrived).toBe(1);
    expect((await store.read('id'))!.revision).toBe(1);
  });

  test('a request that is lost, and others who write elsewhere in the object, cost another attempt', async () => {
    object.writes.push('lose-request', 'touched', 'touched');
    expect(await store.compareAndSet('id', undefined, utf8('a'))).toBe(1);
    expect(object.arrived).toBe(1);
  });

  test('an answer that is lost to a writer who was faster is a conflict', async () => {
    const other = annotationsOf(object);
    object.writes.push('lose-request');
    const mine = store.compareAndSet('id', undefined, utf8('mine'));
    await other.compareAndSet('id', undefined, utf8('other'));
    await expect(mine).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  test.each(['set', 'update'] as const)(
    'a write that was done, not answered, and overtaken is told as unknown, and done once (%s)',
    async (how) => {
      const increment = (current: Uint8Array | undefined): Uint8Array =>
        utf8(String(Number(current ? fromUtf8(current) : '0') + 1));
      object.writes.push('lose-answer');
      const mine =
        how === 'set'
          ? store.compareAndSet('id', undefined, utf8('1'))
          : updateState(store, 'id', increment, retry);
      const told = expect(mine).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
      while (object.arrived < 1) await Promise.resolve();
      await updateState(annotationsOf(object), 'id', increment, retry);
      await told;
      expect(fromUtf8((await store.read('id'))!.value)).toBe('2');
    },
  );

  test('annotations of others under the same prefix are no ids', async () => {
    await store.compareAndSet('a_b/ż', undefined, utf8('a'));
    for (const name of ['foreign', 'x', 'x_zzx', 'x_ffx', `x${'_'.repeat(55)}x`])
      object.touch({ [`holdfast.dev/state-${name}`]: 'v' });
    expect(await store.list()).toEqual(['a_b/ż']);
  });

  test('attempts are bounded', async () => {
    object.writes.push(...Array.from({ length: 100 }, () => 'touched' as const));
    const clock = new VirtualClock();
    const patient = annotationsOf(object, clock);
    await expect(clock.run(patient.compareAndSet('id', undefined, utf8('a')))).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
    });
    expect(object.writes.length).toBe(90);
  });

  test.each([
    ['forbidden', 'STATE_FORBIDDEN', true],
    ['too-large', 'STATE_TOO_LARGE', false],
  ] as const)('a write that is %s', async (fault, code, retryable) => {
    object.writes.push(fault);
    await expect(store.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({ code, retryable });
  });

  test('an object that is not there, and one that cannot be reached, are told as away', async () => {
    object.exists = false;
    await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
    object.reads.push('lose-request');
    await expect(store.list()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  });

  test('a value that does not fit beside what is there is refused before anything is sent', async () => {
    object.touch({ 'someone/else': 'x'.repeat(MAX_ANNOTATION_BYTES - 1000) });
    await expect(store.compareAndSet('id', undefined, new Uint8Array(900))).rejects.toMatchObject({
      code: 'STATE_TOO_LARGE',
      fields: { limit: MAX_ANNOTATION_BYTES },
    });
    expect(object.arrived).toBe(0);
  });

  test('a damaged value is an error for reading and for writing, never nothing', async () => {
    await store.compareAndSet('id', undefined, utf8('abc'));
    const [key] = Object.keys(object.annotations);
    object.touch({ [key!]: object.annotations[key!]!.replace('abc', 'abd') });
    await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    await expect(store.compareAndSet('id', 1, utf8('x'))).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    await expect(store.compareAndSet('id', undefined, utf8('x'))).rejects.toMatchObject({
      code: 'STATE_CORRUPT',
    });
  });

  test('an id that fits no key is refused', async () => {
    await expect(store.read('x'.repeat(80))).rejects.toMatchObject({ code: 'STATE_ID_INVALID' });
  });
});
