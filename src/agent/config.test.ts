import { describe, expect, test } from '@jest/globals';
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
      groupCommit: {},
    });
  });

  test('is refused with the name of every variable that is missing or wrong', () => {
    const { POD_IP: _ip, HOLDFAST_JOURNAL: _journal, ...rest } = complete;
    expect(() =>
      agentConfig({ ...rest, HOLDFAST_AGENT_PORT: 'abc', HOLDFAST_GROUP_COMMIT: '{"x":' }),
    ).toThrow(/POD_IP.*HOLDFAST_JOURNAL.*HOLDFAST_GROUP_COMMIT.*HOLDFAST_AGENT_PORT/s);
  });
});
