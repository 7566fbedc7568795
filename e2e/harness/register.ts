/**
 * One key of a key-value service as an object that does one operation at a time, and what clients saw of many keys.
 *
 * R1  A mutation takes effect once or, if it was never answered, once or not at all: however often it was sent, it is one operation here.
 * R2  Keys are independent of each other, so each has a history of its own; a history is linearizable if each of them is.
 * R3  Expiry is left out: when a key expires is a matter of clocks, and the model has none.
 */
import {
  checkLinearizable,
  describeVerdict,
  type Linearizability,
  type Model,
  type Operation,
} from './linearizability.ts';

export type RegisterInput =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'delete' }
  /** Undefined: only if there is no such key. */
  | { readonly kind: 'cas'; readonly expected: string | undefined; readonly value: string };

/** What a get saw (undefined: no such key); whether a delete found something, or a compare-and-set took place; true for a put. */
export type RegisterOutput = { readonly value: string | undefined } | boolean;

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

export const REGISTER: Model<string | undefined, RegisterInput, RegisterOutput> = {
  init: undefined,
  key: (state) => (state === undefined ? 'absent' : `=${state}`),
  step(state, input, output) {
    switch (input.kind) {
      case 'get':
        return typeof output === 'object' && output.value === state ? [state] : [];
      case 'put':
        return [input.value];
      case 'delete':
        return output === undefined || output === (state !== undefined) ? [undefined] : [];
      case 'cas': {
        const takesPlace = state === input.expected;
        if (output !== undefined && output !== takesPlace) return [];
        return [takesPlace ? input.value : state];
      }
    }
  },
};

interface Recorded {
  readonly process: string;
  readonly input: RegisterInput;
  readonly calledAt: number;
  returned: RegisterOperation['returned'];
}

/** What clients saw, in the order of one clock: each call and each return is a moment of its own. */
export class RegisterHistory {
  readonly #keys = new Map<string, Recorded[]>();
  #moments = 0;

  /** An operation begins; the function that is returned ends it, and is not called if nobody knows what came of it. */
  call(process: string, key: string, input: RegisterInput): (output: RegisterOutput) => void {
    const operation: Recorded = { process, input, calledAt: ++this.#moments, returned: undefined };
    const before = this.#keys.get(key);
    if (before) before.push(operation);
    else this.#keys.set(key, [operation]);
    return (output) => void (operation.returned = { at: ++this.#moments, output });
  }

  /** Operations that were answered, and mutations that were not. */
  get counts(): { readonly answered: number; readonly unknown: number } {
    const all = [...this.#keys.values()].flat();
    const answered = all.filter(({ returned }) => returned).length;
    return { answered, unknown: all.filter(tells).length - answered };
  }

  /** The verdict on each key (R2). */
  check(): ReadonlyMap<string, Linearizability<RegisterInput, RegisterOutput>> {
    return new Map(
      [...this.#keys].map(([key, history]) => [key, checkLinearizable(REGISTER, history.filter(tells))]),
    );
  }

  /** What is wrong, in words: nothing if every key is linearizable. */
  wrong(): string[] {
    return [...this.check()].flatMap(([key, verdict]) =>
      verdict.kind === 'linearizable' ? [] : [`key ${key}: ${describeVerdict(verdict)}`],
    );
  }
}

/** A get without an answer says nothing. */
function tells({ input, returned }: Recorded): boolean {
  return returned !== undefined || input.kind !== 'get';
}
