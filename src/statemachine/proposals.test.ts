import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../base/index.ts';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_COMMANDS,
  MAX_COMMAND_BYTES,
  MAX_REQUEST_ID_BYTES,
  MAX_WAITING_BYTES,
  MAX_WAITING_COMMANDS,
} from './limits.ts';
import { ProposalQueue, requestIdOf } from './proposals.ts';

const NONE = new Uint8Array(0);
const full = expect.objectContaining({ code: 'PROPOSAL_QUEUE_FULL', outcome: 'rejected' });

const NOBODY = { resolve: () => undefined, reject: () => undefined };

function add(queue: ProposalQueue, cmd: Uint8Array): void {
  queue.add({ cmd, requestId: NONE }, NOBODY);
}

describe('what waits for the log', () => {
  test('is bounded by number; after a batch was taken there is room for as many again', () => {
    const queue = new ProposalQueue();
    for (let n = 0; n < MAX_WAITING_COMMANDS; n++) add(queue, NONE);
    expect(() => add(queue, NONE)).toThrow(full);
    const { length } = queue.takeBatch();
    for (let n = 0; n < length; n++) add(queue, NONE);
    expect(() => add(queue, NONE)).toThrow(full);
  });

  test('is bounded by bytes, to the byte; taking everything makes room', () => {
    const queue = new ProposalQueue();
    const part = new Uint8Array(MAX_WAITING_BYTES / 8);
    for (let n = 0; n < 8; n++) add(queue, part);
    expect(() => add(queue, utf8('x'))).toThrow(full);
    add(queue, NONE); // a command without bytes still fits
    expect(queue.takeAll()).toHaveLength(9);
    expect(queue.isEmpty).toBe(true);
    for (let n = 0; n < 8; n++) add(queue, part);
    expect(() => add(queue, utf8('x'))).toThrow(full);
  });

  test('is taken in order, in batches bounded by number and bytes; a longer command is a batch of its own', () => {
    const queue = new ProposalQueue();
    for (let n = 0; n <= MAX_BATCH_COMMANDS; n++) add(queue, utf8(`${n}`));
    const first = queue.takeBatch();
    expect(first.map(({ cmd }) => Buffer.from(cmd).toString())).toEqual(
      Array.from({ length: MAX_BATCH_COMMANDS }, (_, n) => `${n}`),
    );
    const half = new Uint8Array(MAX_BATCH_BYTES / 2);
    for (const cmd of [half, half, new Uint8Array(MAX_COMMAND_BYTES), utf8('after')]) add(queue, cmd);
    const sizes: number[][] = [];
    while (!queue.isEmpty) sizes.push(queue.takeBatch().map(({ cmd }) => cmd.length));
    expect(sizes).toEqual([
      [String(MAX_BATCH_COMMANDS).length, half.length],
      [half.length],
      [MAX_COMMAND_BYTES],
      [5],
    ]);
  });

  test('a command or request id over its limit is refused, at the limit taken', () => {
    const queue = new ProposalQueue();
    const invalid = expect.objectContaining({ code: 'PROPOSAL_INVALID', outcome: 'rejected' });
    expect(() => add(queue, new Uint8Array(MAX_COMMAND_BYTES + 1))).toThrow(invalid);
    expect(queue.isEmpty).toBe(true);
    add(queue, new Uint8Array(MAX_COMMAND_BYTES));
    expect(requestIdOf('é'.repeat(MAX_REQUEST_ID_BYTES / 2))).toHaveLength(MAX_REQUEST_ID_BYTES);
    expect(() => requestIdOf('é'.repeat(MAX_REQUEST_ID_BYTES / 2) + 'x')).toThrow(invalid);
    expect(requestIdOf(undefined)).toHaveLength(0);
  });
});
