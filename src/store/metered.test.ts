/**
 * Every series of a store, fed by the S3 adapter over real HTTP and read as Prometheus reads it: calls, repeats inside a call, what left the process, bytes.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMetrics, utf8 } from '../base/index.ts';
import { openStore } from './index.ts';

const LIST =
  '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>';

/** What the server answers, request by request. */
const answers: ((response: ServerResponse) => void)[] = [];
const reply =
  (status: number, body = ''): ((response: ServerResponse) => void) =>
  (response) =>
    void response.writeHead(status).end(body);
const fail = (status: number, code: string): ((response: ServerResponse) => void) =>
  reply(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`);
const hangUp = (response: ServerResponse): void => void response.destroy();

describe('an S3 store that was written, read, listed and cleaned up, with some trouble', () => {
  let server: Server;
  let samples: ReadonlyMap<string, number>;
  const at = (series: string): number | undefined => samples.get(`holdfast_store_${series}`);

  beforeAll(async () => {
    server = createServer((request, response) => {
      request.on('error', () => undefined); // the store hung up; nobody waits for it
      request.resume().on('end', () => answers.shift()!(response));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const metrics = createMetrics();
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
    const url = `s3://bucket?endpoint=http://127.0.0.1:${port}`;
    const store = openStore(url, { metrics, credentials });
    answers.push(reply(200), fail(412, 'PreconditionFailed'), hangUp); // three creates
    for (let i = 0; i < 3; i++) await store.create('a/key', utf8('ten bytes!'));
    answers.push(fail(503, 'SlowDown'), reply(200, 'seven b'), fail(404, 'NoSuchKey')); // one get that is repeated, and one of nothing
    expect((await store.get('a/key'))?.body).toEqual(utf8('seven b'));
    expect(await store.get('a/key')).toBeUndefined();
    answers.push(reply(404), reply(200, LIST), reply(204));
    await store.head('a/key');
    await store.list('a/');
    await store.delete('a/key');
    await store.close();
    const lines = (await metrics.render()).split('\n').filter((line) => line.startsWith('holdfast_'));
    samples = new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  });

  test.each([
    ['requests_total{operation="create",outcome="created"}', 1],
    ['requests_total{operation="create",outcome="exists"}', 1],
    ['requests_total{operation="create",outcome="STORE_UNREACHABLE"}', 1],
    ['requests_total{operation="get",outcome="ok"}', 1],
    ['requests_total{operation="get",outcome="absent"}', 1],
    ['requests_total{operation="head",outcome="absent"}', 1],
    ['requests_total{operation="list",outcome="ok"}', 1],
    ['requests_total{operation="delete",outcome="ok"}', 1],
    ['request_seconds_count{operation="create"}', 3],
    ['request_seconds_count{operation="get"}', 2],
    ['bytes_total{direction="out"}', 30], // also those of which nobody knows that they arrived
    ['bytes_total{direction="in"}', 7],
    ['retries_total{operation="get",code="STORE_THROTTLED"}', 1],
    ['sent_total{request="PutObject",status="200"}', 1],
    ['sent_total{request="PutObject",status="412"}', 1],
    ['sent_total{request="PutObject",status="none"}', 1],
    ['sent_total{request="GetObject",status="503"}', 1],
    ['sent_total{request="GetObject",status="200"}', 1],
    ['sent_total{request="GetObject",status="404"}', 1],
    ['sent_total{request="HeadObject",status="404"}', 1],
    ['sent_total{request="ListObjectsV2",status="200"}', 1],
    ['sent_total{request="DeleteObject",status="204"}', 1],
  ])('%s is %i', (series, value) => {
    expect(at(series)).toBe(value);
  });

  test('nothing else is counted', () => {
    const names = [...samples.keys()].filter((series) => /_total\{/.test(series));
    expect(names.length).toBe(20);
  });
});
