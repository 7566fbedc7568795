/**
 * The S3 server that every store test leans on: real conditional writes, and the faults it offers.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

const S3_SERVER_MODULE = new URL('s3-server.ts', import.meta.url).href;

describe('S3 server', () => {
  let server: S3Server;
  let client: S3Client;

  beforeAll(async () => {
    server = await startS3Server();
    const { accessKeyId, secretAccessKey } = server;
    client = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId, secretAccessKey },
    });
  });

  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  const put = (key: string, body: string): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket: server.bucket, Key: key, Body: body, IfNoneMatch: '*' }));
  const get = async (key: string): Promise<string | undefined> => {
    const found = await client.send(new GetObjectCommand({ Bucket: server.bucket, Key: key }));
    return found.Body?.transformToString();
  };

  test('creates once and refuses the second create of the same key', async () => {
    await put('a/1', 'first');
    const second = await put('a/1', 'second').catch((error: unknown) => error);
    expect(second).toBeInstanceOf(S3ServiceException);
    expect((second as S3ServiceException).$metadata.httpStatusCode).toBe(412);
    expect(await get('a/1')).toBe('first');
  });

  test('refuses a wrong secret', async () => {
    const wrong = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: server.accessKeyId, secretAccessKey: 'no' },
    });
    const answer = await wrong
      .send(new ListObjectsV2Command({ Bucket: server.bucket }))
      .catch((error: unknown) => error);
    wrong.destroy();
    expect((answer as S3ServiceException).$metadata.httpStatusCode).toBe(403);
  });

  test('killed, it refuses; restarted, it has the same port and the same data', async () => {
    await put('b/1', 'kept');
    await server.kill();
    await expect(get('b/1')).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect(await get('b/1')).toBe('kept');
  });

  test('paused, it hears nothing and closes nothing; resumed, the same request is answered', async () => {
    await put('c/1', 'late');
    server.pause();
    let settled = false;
    const reading = get('c/1').finally(() => (settled = true));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(settled).toBe(false);
    server.resume();
    expect(await reading).toBe('late');
  });

  test('stop leaves no process and no data', async () => {
    const other = await startS3Server();
    expect(existsSync(other.directory)).toBe(true);
    await other.stop();
    await other.stop();
    expect(existsSync(other.directory)).toBe(false);
    await expect(fetch(other.endpoint)).rejects.toThrow();
  });

  test("takes the port, the keys and the bucket it is given, and says so when the port is somebody else's", async () => {
    const port = await freePort();
    const credentials = { accessKeyId: 'given', secretAccessKey: 'given-secret' };
    const given = await startS3Server({ port, credentials, bucket: 'given' });
    try {
      expect(given).toMatchObject({ endpoint: `http://127.0.0.1:${port}`, bucket: 'given', ...credentials });
      const reader = new S3Client({
        endpoint: given.endpoint,
        region: 'us-east-1',
        forcePathStyle: true,
        maxAttempts: 1,
        credentials,
      });
      expect(await reader.send(new ListObjectsV2Command({ Bucket: 'given' }))).toMatchObject({ KeyCount: 0 });
      reader.destroy();
      await expect(startS3Server({ port })).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    } finally {
      await given.stop();
    }
  });

  test('a harness that is killed hard takes its server and its data along', async () => {
    const program = `const { startS3Server } = await import(${JSON.stringify(S3_SERVER_MODULE)});
      const server = await startS3Server();
      console.log(JSON.stringify({ endpoint: server.endpoint, directory: server.directory }));
      setInterval(() => {}, 1000);`;
    const harness = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    });
    const [line] = (await once(createInterface(harness.stdout), 'line')) as [string];
    const { endpoint, directory } = JSON.parse(line) as { endpoint: string; directory: string };
    expect((await fetch(endpoint)).status).toBe(403);
    harness.kill('SIGKILL');
    await once(harness, 'exit');
    while (existsSync(directory)) await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(fetch(endpoint)).rejects.toThrow();
  });
});
