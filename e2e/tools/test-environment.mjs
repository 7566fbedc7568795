/**
 * Where tests run: Jest's own environment for Node, but with an ordinary global object.
 *
 * Jest makes a context around a Proxy, so that every mention of a global (`Map`, `Math`, `Promise`, `Error`) is a call through two interceptors that no
 * compiler can look into; simulations and searches spend a third to half of their time there. A context that is not made around anything
 * has a global object like that of any program.
 *
 * 1. Whatever global Node has, a test has; `Buffer`, `ArrayBuffer` and `Uint8Array` are Node's own, since Node's modules give and take them.
 * 2. Nothing that a test puts on its global object is seen by another test file.
 * 3. Jest's fake timers are absent, and refused: time is the Clock port of src/base.
 */
import { constants, createContext } from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/** 1 */
const OF_NODE = ['Buffer', 'ArrayBuffer', 'Uint8Array'];

/** The value of an accessor of Node is taken when it is first asked for: some load a module. */
function defineLater(global, key, { get, enumerable }) {
  const define = (value) =>
    Object.defineProperty(global, key, { value, enumerable, configurable: true, writable: true });
  Object.defineProperty(global, key, {
    enumerable,
    configurable: true,
    get: () => define(get.call(globalThis))[key],
    set: define,
  });
}

export default class PlainEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    const plain = createContext(constants.DONT_CONTEXTIFY);
    for (const key of Reflect.ownKeys(this.global)) {
      if (Object.hasOwn(plain, key) && !OF_NODE.includes(key)) continue;
      const own = Object.getOwnPropertyDescriptor(this.global, key);
      const lazy = own.get && Object.getOwnPropertyDescriptor(globalThis, key);
      if (lazy?.get) defineLater(plain, key, lazy);
      else if (own.get) defineLater(plain, key, own);
      else Object.defineProperty(plain, key, own);
    }
    plain.global = plain;
    plain.Error.stackTraceLimit = this.global.Error.stackTraceLimit;
    this.context = plain;
    this.global = plain;
    this.fakeTimers = null; // 3
    this.fakeTimersModern = null;
  }
}
