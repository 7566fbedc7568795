/**
 * The environment that this very file runs in (test-environment.mjs).
 */
import { randomBytes } from 'node:crypto';
import { createContext, runInContext, runInThisContext } from 'node:vm';
import { describe, expect, jest, test } from '@jest/globals';

/** Node's own global object: that of the process, outside of all contexts. */
const node = runInThisContext('globalThis') as typeof globalThis;
interface Made {
  readonly global: object;
  readonly teardown: () => Promise<void>;
}
/** What Node has for its REPL only, and what Jest keeps for itself. */
const names = Object.getOwnPropertyNames(node).filter((name) => !/^(GLOBAL|root)$/.test(name));

describe('the environment of tests', () => {
  test('is a context of its own', () => {
    expect(node).not.toBe(globalThis);
    expect(node.Array).not.toBe(Array);
    expect(runInThisContext('[]')).not.toBeInstanceOf(Array);
  });

  test('has every global that Node has, and all that a bare context has', () => {
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name) => !(name in globalThis))).toEqual([]);
    const bare = runInContext('Object.getOwnPropertyNames(globalThis)', createContext()) as string[];
    expect(bare.filter((name) => !(name in globalThis))).toEqual([]);
    expect(global).toBe(globalThis);
  });

  test('takes what Node makes for what it is', () => {
    expect(randomBytes(3)).toBeInstanceOf(Uint8Array);
    expect(randomBytes(3)).toBeInstanceOf(Buffer);
    expect(new TextEncoder().encode('x').buffer).toBeInstanceOf(ArrayBuffer);
    expect(structuredClone(new Uint8Array(2))).toBeInstanceOf(Uint8Array);
    expect(AbortSignal.abort().aborted).toBe(true);
  });

  test('has globals that can be changed and taken away, which nobody else sees', () => {
    for (const name of ['Map', 'URL', 'AbortController', 'setTimeout', 'performance', 'crypto']) {
      const value: unknown = Reflect.get(globalThis, name);
      expect(Object.getOwnPropertyDescriptor(globalThis, name)).toMatchObject({ value, configurable: true });
    }
    Reflect.set(globalThis, 'mine', 1);
    expect(runInThisContext('typeof mine')).toBe('undefined');
    expect(Reflect.deleteProperty(globalThis, 'mine')).toBe(true);
    expect('mine' in globalThis).toBe(false);
  });

  test('has an ordinary global object: one with interceptors cannot be frozen', async () => {
    expect(() => runInContext('Object.freeze(globalThis)', createContext())).toThrow();
    const path = './test-environment.mjs';
    const { default: Environment } = (await import(path)) as { default: new (config: unknown) => Made };
    const made = new Environment({ projectConfig: { testEnvironmentOptions: {}, fakeTimers: {} } });
    expect(Object.isFrozen(Object.freeze(made.global))).toBe(true);
    await made.teardown();
  });

  test('refuses fake timers: time is a port', () => {
    expect(() => jest.useFakeTimers()).toThrow();
  });
});
