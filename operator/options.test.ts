import { describe, expect, test } from '@jest/globals';
import { operatorSettings, type OperatorOptions } from './options.ts';

const ENV = { POD_NAME: 'op-1', POD_NAMESPACE: 'holdfast-system' };

describe('the settings of an operator', () => {
  test('have the defaults that the failover times rest on', () => {
    expect(operatorSettings({ image: 'i:1' }, ENV)).toEqual({
      image: 'i:1',
      imagePullPolicy: 'IfNotPresent',
      httpPort: 8082,
      leaseName: 'holdfast-operator',
      leaseMs: 6_000,
      renewDeadlineMs: 4_000,
      retryMs: 1_000,
      pod: { name: 'op-1', namespace: 'holdfast-system', ip: '0.0.0.0' },
    });
  });

  test('take numbers as the texts that flags are', () => {
    const flags = {
      image: 'i:1',
      httpPort: '9000',
      leaseMs: '9000',
      watchNamespace: 'shop',
    } as unknown as OperatorOptions;
    expect(operatorSettings(flags, { ...ENV, POD_IP: '10.0.0.9' })).toMatchObject({
      httpPort: 9000,
      leaseMs: 9000,
      watchNamespace: 'shop',
      pod: { ip: '10.0.0.9' },
    });
  });

  test.each([
    ['no image', { image: '' }, ENV, '--image'],
    ['an unknown policy', { image: 'i', imagePullPolicy: 'Sometimes' }, ENV, '--image-pull-policy'],
    ['an unknown flag', { image: 'i', colour: 'red' }, ENV, 'colour'],
    ['no pod name', { image: 'i' }, { POD_NAMESPACE: 'x' }, 'POD_NAME'],
    ['a lease shorter than its renewal', { image: 'i', leaseMs: 3000 }, ENV, 'renew deadline'],
  ])('with %s are refused by name', (_, flags, env, named) => {
    expect(() => operatorSettings(flags as OperatorOptions, env)).toThrow(
      expect.objectContaining({ code: 'OPERATOR_OPTIONS_INVALID', message: expect.stringContaining(named) }),
    );
  });
});
