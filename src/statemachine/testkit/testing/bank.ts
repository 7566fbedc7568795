/**
 * A bank as a state machine of each kind: right, or wrong in one way that the name of its flaw tells. Commands are `name+amount` and `name-amount`.
 */
import { concatBytes, fromUtf8, sha256Hex, systemClock, systemRandom, utf8 } from '../../../base/index.ts';
import type {
  AppliedEntry,
  ConcurrentStateMachine,
  Entry,
  RegularStateMachine,
  Result,
  WriteChunk,
} from '../../types.ts';
import type { Subject } from '../index.ts';

/** What a machine does wrong; each is one rule of the kit. */
export type Flaw =
  | 'drops a result'
  | 'answers another index'
  | 'gives a fraction'
  | 'gives text for data'
  | 'changes nothing'
  | 'asks for the time'
  | 'tries its luck'
  | 'counts over all machines'
  | 'tells the length of its batch'
  | 'keeps the command'
  | 'reuses its result'
  | 'counts lookups'
  | 'has one hash for all'
  | 'hashes its age'
  | 'forgets empty accounts'
  | 'merges what it recovers'
  | 'takes the first piece for all'
  | 'swallows a broken stream'
  | 'does not read to the end'
  | 'does not wait for its writes'
  | 'swallows a failed write'
  | 'saves what is there now';

/** Balances by name, and how many commands there were. */
interface Books {
  accounts: Record<string, number>;
  commands: number;
}

export type Query = { readonly of: string } | 'all';
export type Answer = number | Books;

let allMachines = 0;
const SHARED: Uint8Array = new Uint8Array(3);

/** What all kinds have in common. */
export class Bank {
  books: Books = { accounts: {}, commands: 0 };
  readonly flaw: Flaw | undefined;
  #kept: Uint8Array[] = [];
  #lookups = 0;
  #age = 0;

  constructor(flaw?: Flaw) {
    this.flaw = flaw;
  }

  applyOne({ index, cmd }: Entry, batch: number): Result {
    this.#age++;
    if (this.flaw === 'keeps the command') {
      this.#kept.push(cmd);
      return { value: index, data: utf8('later') };
    }
    if (this.flaw === 'changes nothing') return { value: 0, data: utf8('') };
    const balance = this.#book(fromUtf8(cmd));
    const value = this.#valueOf(balance);
    if (this.flaw === 'tells the length of its batch') return { value: batch, data: utf8('') };
    if (this.flaw === 'reuses its result') {
      SHARED.set(utf8(String(value).padStart(3, '0')).subarray(-3));
      return { value, data: SHARED };
    }
    if (this.flaw === 'gives text for data') return { value, data: 'text' as unknown as Uint8Array };
    return { value, data: utf8(balance === undefined ? 'refused' : `${balance}`) };
  }

  #valueOf(balance: number | undefined): number {
    if (this.flaw === 'gives a fraction') return 0.5;
    if (this.flaw === 'asks for the time') return systemClock.wallMs();
    if (this.flaw === 'tries its luck') return systemRandom.bytes(1)[0]! % 4;
    if (this.flaw === 'counts over all machines') return allMachines++;
    return balance ?? 0;
  }

  /** @returns the new balance; undefined when the command is refused */
  #book(command: string): number | undefined {
    const [, name = '', sign, amount] = /^(\w+)([+-])(\d+)$/.exec(command) ?? [];
    const { accounts } = this.books;
    this.books.commands++;
    const balance = (accounts[name] ?? 0) + (sign === '+' ? 1 : -1) * Number(amount);
    if (balance < 0) return undefined;
    accounts[name] = balance;
    return balance;
  }

  lookup(query: Query): Answer {
    if (this.flaw === 'counts lookups') this.books.commands += ++this.#lookups;
    for (const cmd of this.#kept.splice(0)) this.#bookLater(cmd);
    return query === 'all' ? this.books : (this.books.accounts[query.of] ?? 0);
  }

  /** The flaw of a machine that looks at its commands when it is asked. */
  #bookLater(cmd: Uint8Array): void {
    this.#book(Buffer.from(cmd).toString('latin1'));
  }

  stateHash(): string {
    if (this.flaw === 'has one hash for all') return 'one';
    const { accounts, commands } = this.books;
    const text = JSON.stringify([Object.entries(accounts).sort(([a], [b]) => (a < b ? -1 : 1)), commands]);
    return sha256Hex(utf8(this.flaw === 'hashes its age' ? `${text}${this.#age}` : text));
  }

  copy(): Books {
    return this.flaw === 'saves what is there now' ? this.books : structuredClone(this.books);
  }

  async write(books: Books, write: WriteChunk): Promise<void> {
    const { commands } = books;
    const accounts = Object.fromEntries(
      Object.entries(books.accounts)
        .filter(([, balance]) => balance > 0 || this.flaw !== 'forgets empty accounts')
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    const chunks = [
      `${commands}\n`,
      ...Object.entries(accounts).map(([name, balance]) => `${name} ${balance}\n`),
      '.\n',
    ];
    for (const chunk of chunks) {
      const written = write(utf8(chunk));
      if (this.flaw === 'does not wait for its writes') void written;
      else if (this.flaw === 'swallows a failed write') await written.catch(() => undefined);
      else await written;
    }
  }

  async read(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const lines = fromUtf8(await this.#all(chunks)).split('\n');
    if (lines.at(-2) !== '.' && this.flaw === undefined) throw new Error('the snapshot ends too early');
    const accounts: Record<string, number> =
      this.flaw === 'merges what it recovers' ? this.books.accounts : {};
    for (const line of lines.slice(1, -2)) accounts[line.split(' ')[0]!] = Number(line.split(' ')[1]);
    this.books = { accounts, commands: Number(lines[0]) };
  }

  async #all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    try {
      for await (const chunk of chunks) {
        parts.push(chunk);
        if (this.flaw === 'takes the first piece for all') break;
        if (this.flaw === 'does not read to the end' && fromUtf8(chunk).endsWith('.\n')) break;
      }
    } catch (error) {
      if (this.flaw !== 'swallows a broken stream') throw error;
    }
    return concatBytes(parts);
  }
}

export class RegularBank extends Bank implements RegularStateMachine<Query, Answer> {
  readonly kind = 'regular';

  update(entry: Entry): Result {
    return this.applyOne(entry, 1);
  }

  saveSnapshot(write: WriteChunk): Promise<void> {
    return this.write(this.books, write);
  }

  recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.read(chunks);
  }

  close(): void {
    this.books = { accounts: {}, commands: 0 };
  }
}

export class ConcurrentBank extends Bank implements ConcurrentStateMachine<Query, Answer, Books> {
  readonly kind = 'concurrent';

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    const applied = entries.map((entry) => ({ ...entry, result: this.applyOne(entry, entries.length) }));
    if (this.flaw === 'drops a result') return applied.slice(1);
    if (this.flaw === 'answers another index')
      return applied.map((entry) => ({ ...entry, index: (entry.index + 1) as Entry['index'] }));
    return applied;
  }

  prepareSnapshot(): Books {
    return this.copy();
  }

  saveSnapshot(view: Books, write: WriteChunk): Promise<void> {
    return this.write(view, write);
  }

  recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.read(chunks);
  }

  close(): void {
    this.books = { accounts: {}, commands: 0 };
  }
}

export const COMMANDS: readonly Uint8Array[] = [
  'ann+7',
  'ben+5',
  'ann-7',
  'ben-9',
  'eve+120',
  'ann+33',
  'eve-20',
  'ben-5',
].map(utf8);
export const QUERIES: readonly Query[] = ['all', { of: 'ann' }, { of: 'nobody' }];

export function regularBank(flaw?: Flaw): Subject<Query, Answer> {
  return { kind: 'regular', create: () => new RegularBank(flaw), commands: COMMANDS, queries: QUERIES };
}

export function concurrentBank(flaw?: Flaw): Subject<Query, Answer, Books> {
  return { kind: 'concurrent', create: () => new ConcurrentBank(flaw), commands: COMMANDS, queries: QUERIES };
}
