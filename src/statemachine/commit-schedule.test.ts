import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../base/testing/index.ts';
import { CommitSchedule } from './commit-schedule.ts';
import {
  COMMIT_AFTER_BYTES,
  COMMIT_AFTER_COMMANDS,
  COMMIT_AFTER_MS,
  COMMIT_AFTER_PENDING_BYTES,
} from './limits.ts';

/** What was applied, and how often it was committed. */
class Applied {
  uncommitted = { commands: 0, bytes: 0, pendingBytes: 0 };
  commits = 0;
  failure: Error | undefined;
  readonly failures: unknown[] = [];
  readonly clock = new VirtualClock();
  readonly schedule: CommitSchedule = new CommitSchedule(this, this.clock, (error) =>
    this.failures.push(error),
  );

  commit(): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.commits++;
    this.uncommitted = { commands: 0, bytes: 0, pendingBytes: 0 };
    return Promise.resolve();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.run(this.clock.sleep(ms));
  }

  async apply(commands: number, bytes = 0, pendingBytes = 0): Promise<void> {
    const { uncommitted: before } = this;
    this.uncommitted = { commands: before.commands + commands, bytes: before.bytes + bytes, pendingBytes };
    await this.schedule.applied();
  }
}

describe('an on-disk machine commits', () => {
  test.each([
    [COMMIT_AFTER_COMMANDS, 0],
    [1, COMMIT_AFTER_BYTES],
  ])('at once when %d commands of %d bytes wait for it', async (commands, bytes) => {
    const applied = new Applied();
    await applied.apply(commands - 1, Math.max(0, bytes - 1));
    expect(applied.commits).toBe(0);
    await applied.apply(1, 1);
    expect(applied.commits).toBe(1);
  });

  test('at once when it says that the next commit has much to write', async () => {
    const applied = new Applied();
    await applied.apply(1, 1, COMMIT_AFTER_PENDING_BYTES - 1);
    expect(applied.commits).toBe(0);
    await applied.apply(1, 1, COMMIT_AFTER_PENDING_BYTES);
    expect(applied.commits).toBe(1);
  });

  test('when COMMIT_AFTER_MS have gone by since the first command that was not, and then no more', async () => {
    const applied = new Applied();
    await applied.apply(1);
    await applied.pass(COMMIT_AFTER_MS / 2);
    await applied.apply(1);
    await applied.pass(COMMIT_AFTER_MS / 2 - 1);
    expect(applied.commits).toBe(0);
    await applied.pass(1);
    expect(applied.commits).toBe(1);
    await applied.pass(10 * COMMIT_AFTER_MS);
    expect(applied.commits).toBe(1);
    await applied.apply(1);
    await applied.pass(COMMIT_AFTER_MS);
    expect(applied.commits).toBe(2);
  });

  test('not when there is nothing, and not by itself after it was stopped', async () => {
    const applied = new Applied();
    await applied.apply(0);
    await applied.pass(COMMIT_AFTER_MS);
    await applied.apply(5);
    applied.schedule.stop();
    await applied.pass(COMMIT_AFTER_MS);
    await applied.apply(COMMIT_AFTER_COMMANDS);
    expect(applied.commits).toBe(0);
    await applied.schedule.now();
    expect(applied.commits).toBe(1);
  });

  test('and a failure is told, whoever asked for it', async () => {
    const applied = new Applied();
    applied.failure = new Error('the disk is full');
    await applied.apply(COMMIT_AFTER_COMMANDS);
    await expect(applied.schedule.now()).rejects.toThrow('the disk is full');
    await applied.apply(1);
    expect(applied.failures).toEqual([applied.failure, applied.failure, applied.failure]);
  });
});
