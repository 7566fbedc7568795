import { describe, expect, test } from '@jest/globals';
import { DEFAULT_SESSION_OPTIONS } from '../journal/index.ts';
import { agentConfig } from './config.ts';

const complete = {
  POD_NAME: 'orders-x7k2p',
  POD_NAMESPACE: 'default',
  POD_UID: 'u-1',
  POD_IP: '10.0.0.5',
  HOLDFAST_SHARD: 'orders',
  HOLDFAST_RECOVERY_LOG: 'orders',
  HOLDFAST_STORE_URL: 's3://bucket',
  HOLDFAST_JOURNAL: 'default/orders',
  HOLDFAST_GENERATION: 'g1',
};

describe('the environment of an agent', () => {
  test('has defaults for everything that the operator need not say', () => {
    expect(agentConfig(complete)).toMatchObject({
      dataDir: '/data',
      agentPort: 8081,
      applicationPort: 8080,
      hintsIntervalMs: 30_000,
      groupCommit: DEFAULT_SESSION_OPTIONS,
    });
  });

  test('is refused with the name of every variable that is missing or wrong', () => {
    const { POD_IP: _ip, HOLDFAST_JOURNAL: _journal, ...rest } = complete;
    expect(() =>
      agentConfig({ ...rest, HOLDFAST_AGENT_PORT: 'abc', HOLDFAST_GROUP_COMMIT: '{"x":' }),
    ).toThrow(/POD_IP.*HOLDFAST_JOURNAL.*HOLDFAST_GROUP_COMMIT.*HOLDFAST_AGENT_PORT/s);
  });

  test.each([
    ['{"flushIntervalMs":-1}', /flushIntervalMs is -1; it must be between 0 and 60000/],
    ['{"flushIntervalMs":"1"}', /flushIntervalMs is "1"/],
    ['{"compression":"lzma"}', /compression is lzma; it must be raw, gzip, zstd/],
    ['[1]', /HOLDFAST_GROUP_COMMIT/],
  ])('has its group commit checked before it starts: %s', (text, problem) => {
    expect(() => agentConfig({ ...complete, HOLDFAST_GROUP_COMMIT: text })).toThrow(problem);
  });

  test('takes the options that were set, and the defaults of the others', () => {
    const config = agentConfig({
      ...complete,
      HOLDFAST_GROUP_COMMIT: '{"compression":"gzip","idleFlushMs":5,"ofALaterVersion":1}',
    });
    expect(config.groupCommit).toMatchObject({
      ...DEFAULT_SESSION_OPTIONS,
      compression: 'gzip',
      idleFlushMs: 5,
    });
  });
});
