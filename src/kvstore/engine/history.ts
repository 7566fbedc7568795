/**
 * The identity of a history: a chained digest, one link for each command. Who has the same number with the same identity has had the same commands, so numbers
 * that a store used twice, because it was set back and written on, are told apart (docs/decisions/0049-histories-have-an-identity.md).
 *
 * N1  It depends on the commands, their times and their numbers only: the same on every replica, after every replay and in both engines (state.ts S1).
 * N2  It is part of the state: snapshots and the SQLite head hold it, so a state that is loaded goes on with the chain that led to it.
 * N3  A state that was written before there were identities begins a chain with the hash of all that it holds.
 */
import { hash } from 'node:crypto';
import { type CommandMark } from '../command.ts';

/** Lower-case hexadecimal text of HISTORY_BYTES bytes. */
export type History = string;

/** 128 bits of SHA-256: two histories are never the same by accident. */
export const HISTORY_BYTES = 16;
const DIGITS: number = 2 * HISTORY_BYTES;

/** Of a store that nothing was ever written to. */
export const NO_HISTORY: History = '0'.repeat(DIGITS);

/** N1: the identity once the command of log index `number` is applied after `before`. */
export function historyAfter(before: History, number: number, { body, times }: CommandMark): History {
  return hash('sha256', `${before} ${number} ${body} ${times}`, 'hex').slice(0, DIGITS);
}

/** N3. @param stateHash hexadecimal SHA-256 over a state */
export function historyFrom(stateHash: string): History {
  return stateHash.slice(0, DIGITS);
}

export function isHistory(text: string): boolean {
  return text.length === DIGITS && /^[0-9a-f]+$/.test(text);
}
