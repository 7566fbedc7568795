/**
 * The document and the server cannot drift apart: both come from one table, and here each is held against the other.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { type FastifyInstance } from 'fastify';
import { createMetrics, silentLogger, systemClock, systemRandom } from '../../base/index.ts';
import { KV_ERROR_STATUS } from '../errors.ts';
import { LocalService } from '../testing/local-service.ts';
import { makeServer } from './server.ts';
import { ROUTES } from './table.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}
type Document = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

const opened: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});

function start(): FastifyInstance {
  const server = makeServer({
    service: new LocalService(),
    metrics: createMetrics(),
    log: silentLogger,
    clock: systemClock,
    random: systemRandom,
    admission: { requests: 100, bodyBytes: 1e9 },
    requestDeadlineMs: 1_000,
  });
  opened.push(server);
  return server;
}

async function documentOf(server: FastifyInstance): Promise<Document> {
  return (await server.inject('/v1/openapi.json')).json();
}

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH'] as const;
const filled = (path: string): string => path.replace('{key}', 'k').replace('{session}', '7');

describe('the OpenAPI document', () => {
  test('is of version 3.1, names every operation once, and is the same whenever it is asked for', async () => {
    const server = start();
    const document = await documentOf(server);
    expect(document.openapi).toBe('3.1.0');
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map((one) => one.operationId),
    );
    expect(ids.sort()).toEqual(ROUTES.map(({ operationId }) => operationId).sort());
    expect(new Set(ids).size).toBe(ids.length);
    expect(await documentOf(server)).toEqual(document);
  });

  test('names exactly the paths and methods that are served', async () => {
    const server = start();
    const { paths } = await documentOf(server);
    for (const [path, operations] of Object.entries(paths))
      for (const method of METHODS) {
        const reply = await server.inject({ method, url: filled(path) });
        const served = reply.statusCode !== 404 || !reply.payload.includes('ROUTE_NOT_FOUND');
        expect([path, method, served]).toEqual([path, method, method.toLowerCase() in operations]);
      }
    const printed = server.printRoutes({ commonPrefix: false });
    expect(printed.match(/\((?:GET|PUT|POST|DELETE)/g)).toHaveLength(Object.keys(paths).length);
  });

  test('names exactly the query parameters that are understood', async () => {
    const server = start();
    const { paths } = await documentOf(server);
    for (const [path, operations] of Object.entries(paths))
      for (const [method, { parameters = [] }] of Object.entries(operations)) {
        const url = `${filled(path)}?`;
        const refusal = async (name: string): Promise<boolean> => {
          const reply = await server.inject({
            method: method.toUpperCase() as 'GET',
            url: `${url}${name}=1`,
            ...(method === 'post' ? { payload: {} } : {}),
          });
          return reply.payload.includes(`There is no parameter`);
        };
        expect([url, await refusal('surely-not')]).toEqual([url, true]);
        for (const { name } of parameters.filter((one) => one.in === 'query'))
          expect([url, name, await refusal(name)]).toEqual([url, name, false]);
      }
  });

  test('gives every code of a refusal under its status', async () => {
    const { paths } = await documentOf(start());
    for (const route of ROUTES) {
      const { responses } = paths[route.path]![route.method.toLowerCase()]!;
      for (const code of route.errors) expect(responses[KV_ERROR_STATUS[code]]?.description).toContain(code);
    }
  });
});
