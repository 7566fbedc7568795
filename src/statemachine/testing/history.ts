/**
 * What clients saw of a history of primaries, and what that demands of whoever has the log, or a beginning of it, afterwards.
 *
 * The list machine answers with the place a command got, so an answer is proof of its place for ever.
 */
import { expect } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { newLog, type TestLog } from '../../recoverylog/testing/index.ts';
import type { ProposeOptions } from '../proposals.ts';
import type { Result } from '../types.ts';

/** What takes commands: a runtime. */
interface Proposable {
  propose(cmd: Uint8Array, options?: ProposeOptions): Promise<Result>;
}

interface Answered {
  /** Place in the list, from 1 on. */
  readonly place: number;
  /** Slots the store had when the answer came: with that many of them the command must be there. */
  readonly slots: number;
}

export class ClientHistory {
  readonly #log: TestLog;
  readonly answered = new Map<string, Answered>();
  /** Asked, without an answer so far; such commands are asked again, under the same id. */
  readonly open = new Set<string>();

  constructor(log: TestLog) {
    this.#log = log;
  }

  /** Asks for a command whose name is its request id. Resolves when the answer or its failure is noted. */
  async ask(primary: Proposable, name: string, bytes: number = name.length): Promise<void> {
    this.open.add(name);
    try {
      const { value } = await primary.propose(utf8(name.padEnd(bytes, '.')), { requestId: name });
      const before = this.answered.get(name);
      if (before) expect(value).toBe(before.place);
      else this.answered.set(name, { place: value, slots: this.#log.store.objects.size });
      this.open.delete(name);
    } catch (error) {
      expect(['unknown', 'rejected']).toContain((error as { outcome?: unknown }).outcome);
    }
  }

  /** Checks the list of a replica that has the first `slots` slots of the log: every answer holds, and nothing is there twice. */
  check(list: readonly string[], slots: number = Infinity): void {
    const names = list.map((text) => text.replace(/\.+$/, ''));
    expect(new Set(names).size).toBe(names.length);
    const known = (name: string): boolean => this.answered.has(name) || this.open.has(name);
    expect(names.filter((name) => !known(name))).toEqual([]);
    for (const [name, { place, slots: needed }] of this.answered)
      if (needed <= slots) expect([name, names[place - 1]]).toEqual([name, name]);
  }
}

/** The same log with its first `keep` slots only. */
export function cutLog(log: TestLog, keep: number): TestLog {
  const cut = newLog();
  const slots = [...log.store.objects].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, body] of slots.slice(0, keep)) cut.store.objects.set(key, body);
  return cut;
}
