/**
 * Servers of the HTTP contract in tests, over a real engine without a log. Every answer is held against the table that the OpenAPI document is made from.
 */
import { expect } from '@jest/globals';
import { type FastifyInstance } from 'fastify';
import { createMetrics, silentLogger, systemClock, systemRandom, type Metrics } from '../../base/index.ts';
import { MAX_BODY_BYTES_UNDER_WAY, MAX_REQUESTS_UNDER_WAY, type AdmissionLimits } from '../http/admission.ts';
import { makeServer } from '../http/server.ts';
import { holdToContract } from './contract.ts';
import { LocalService } from './local-service.ts';

export interface Rig {
  readonly service: LocalService;
  readonly server: FastifyInstance;
  readonly metrics: Metrics;
}

const opened: { readonly server: FastifyInstance; readonly broken: readonly string[] }[] = [];

/** For afterEach: closes the servers, and fails the test when one of their answers broke the contract. */
export async function checkRigs(): Promise<void> {
  const rigs = opened.splice(0);
  await Promise.all(rigs.map(({ server }) => server.close()));
  expect(rigs.flatMap(({ broken }) => broken)).toEqual([]);
}

export function rig(admission: Partial<AdmissionLimits> = {}, requestDeadlineMs = 10_000): Rig {
  const service = new LocalService();
  const metrics = createMetrics();
  const server = makeServer({
    service,
    metrics,
    log: silentLogger,
    clock: systemClock,
    random: systemRandom,
    admission: { requests: MAX_REQUESTS_UNDER_WAY, bodyBytes: MAX_BODY_BYTES_UNDER_WAY, ...admission },
    requestDeadlineMs,
  });
  opened.push({ server, broken: holdToContract(server) });
  return { service, server, metrics };
}
