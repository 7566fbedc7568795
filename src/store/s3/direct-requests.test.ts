/**
 * Requests made without the SDK, on bad days that the SDK was made for: answers that are cut, dates that are none, credentials that do not come.
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { S3Client } from '@aws-sdk/client-s3';
import { silentLogger, systemClock, utf8 } from '../../base/index.ts';
import { openStore, type ObjectStore } from '../index.ts';
import { DirectRequests } from './direct-requests.ts';
import { ConnectionChoice } from './fresh-connections.ts';

/** Works with a store that answers like this. */
async function at<T>(answer: RequestListener, work: (store: ObjectStore) => Promise<T>): Promise<T> {
  const server = createServer((request, response) =>
    request.resume().on('end', () => answer(request, response)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: 'a', secretAccessKey: 's', sessionToken: 'of a session' };
  const store = openStore(`s3://bucket?endpoint=http://127.0.0.1:${port}`, { credentials });
  try {
    return await work(store);
  } finally {
    await store.close();
    server.closeAllConnections();
    server.close();
  }
}

test.each([
  [412, { kind: 'exists' }],
  [400, { kind: 'undecided', cause: { code: 'STORE_UNREACHABLE' } }],
  [200, { kind: 'undecided', cause: { code: 'STORE_UNREACHABLE' } }],
])('an answer %i that is cut is decided by what it said until then', async (status, outcome) => {
  const cut: RequestListener = (_, response) => {
    response.writeHead(status, { 'content-length': '1000' });
    response.write('<Error><Code>', () => response.destroy());
  };
  expect(await at(cut, (store) => store.create('k', utf8('x')))).toMatchObject(outcome);
});

test('a date that is none is not told', async () => {
  const dated: RequestListener = (_, response) =>
    void response.writeHead(200, { 'last-modified': 'yesterday' }).end('x');
  expect((await at(dated, (store) => store.get('k')))?.lastModifiedMs).toBeUndefined();
});

test('the token of a session goes with every request, signed', async () => {
  const seen: unknown[] = [];
  const noted: RequestListener = ({ method, headers }, response) => {
    const isSigned = /SignedHeaders=[^,]*x-amz-security-token/.test(headers.authorization ?? '');
    seen.push([method, headers['x-amz-security-token'], isSigned]);
    response.end('x');
  };
  await at(noted, async (store) => {
    await store.create('k', utf8('x'));
    await store.get('k');
  });
  expect(seen).toEqual(['PUT', 'GET'].map((method) => [method, 'of a session', true]));
});

test('a request ends by its signal while the service that gives credentials is silent', async () => {
  const silent = new Promise<never>(() => undefined);
  const { config } = new S3Client({ region: 'us-east-1', credentials: () => silent });
  const requests = new DirectRequests({
    endpoint: 'http://127.0.0.1:9',
    bucket: 'bucket',
    region: 'us-east-1',
    config,
    connections: new ConnectionChoice(1, silentLogger, () => undefined, false),
    clock: systemClock,
  });
  const stop = new AbortController();
  const send = { abortSignal: stop.signal, freshConnection: false };
  const made = [requests.create('key', new Uint8Array(1), send), requests.get('key', undefined, send)];
  stop.abort(new Error('left'));
  for (const each of made) await expect(each).rejects.toThrow('left');
});
