/**
 * Store URLs: what is understood, what is refused, and that nothing secret comes back.
 */
import { describe, expect, test } from '@jest/globals';
import { formatStoreUrl, parseStoreUrl, StoreUrlError, type StoreLocation } from './url.ts';

const s3 = {
  scheme: 's3',
  prefix: '',
  endpoint: undefined,
  region: undefined,
  forcePathStyle: false,
} as const;

describe('understood', () => {
  test.each<[string, StoreLocation, string]>([
    ['s3://bucket', { ...s3, bucket: 'bucket' }, 's3://bucket'],
    ['s3://bucket/', { ...s3, bucket: 'bucket' }, 's3://bucket'],
    ['S3://My_Bucket.x/a/b/', { ...s3, bucket: 'My_Bucket.x', prefix: 'a/b' }, 's3://My_Bucket.x/a/b'],
    [
      's3://bucket/a%20b?region=eu-central-1',
      { ...s3, bucket: 'bucket', prefix: 'a b', region: 'eu-central-1' },
      's3://bucket/a%20b?region=eu-central-1',
    ],
    [
      's3://bucket?forcePathStyle=true&endpoint=http%3A%2F%2F127.0.0.1%3A9000%2F',
      { ...s3, bucket: 'bucket', endpoint: 'http://127.0.0.1:9000', forcePathStyle: true },
      's3://bucket?endpoint=http://127.0.0.1:9000',
    ],
    [
      's3://bucket?endpoint=https://r2.example&forcePathStyle=false',
      { ...s3, bucket: 'bucket', endpoint: 'https://r2.example' },
      's3://bucket?endpoint=https://r2.example&forcePathStyle=false',
    ],
    [
      's3://bucket?forcePathStyle=true',
      { ...s3, bucket: 'bucket', forcePathStyle: true },
      's3://bucket?forcePathStyle=true',
    ],
    ['file:///var/lib/x/', { scheme: 'file', path: '/var/lib/x' }, 'file:///var/lib/x'],
    ['file://localhost/a%20b/../c', { scheme: 'file', path: '/c' }, 'file:///c'],
    ['memory:', { scheme: 'memory' }, 'memory:'],
  ])('%s', (url, location, canonical) => {
    expect(parseStoreUrl(url)).toEqual(location);
    expect(formatStoreUrl(location)).toBe(canonical);
    expect(parseStoreUrl(canonical)).toEqual(location);
  });
});

describe('refused, with what to do', () => {
  test.each([
    ['bucket/prefix', 'no scheme'],
    ['gs://bucket', 'unknown scheme gs'],
    ['s3:bucket', 's3://bucket/prefix'],
    ['s3://', 'no valid bucket'],
    ['s3://bucket/a/../c', 'prefix that has a part . or ..'],
    ['s3://bucket/a//c', 'empty part'],
    ['s3://bucket/%', 'broken %-escape'],
    ['s3://bucket?endpoint=minio:9000', 'neither http nor https'],
    ['s3://bucket?endpoint=nonsense', 'no URL'],
    ['s3://bucket?endpoint=http://h/path', 'more than scheme, host and port'],
    ['s3://bucket?region=', 'empty region'],
    ['s3://bucket?region=a&region=b', 'region twice'],
    ['s3://bucket?region=eu central', 'no valid region'],
    ['s3://bucket?forcePathStyle=yes', 'neither true nor false'],
    ['s3://bucket?Region=x', 'known: endpoint, region, forcePathStyle'],
    ['file:relative', 'file:///absolute/directory'],
    ['file://host/path', 'file:///absolute/directory'],
    ['file:///', 'root directory'],
    ['file:///a?x=y', 'file:///absolute/directory'],
    ['memory:shared', 'nothing after the colon'],
  ])('%s: %s', (url, words) => {
    expect(() => parseStoreUrl(url)).toThrow(StoreUrlError);
    expect(() => parseStoreUrl(url)).toThrow(words);
  });

  test.each([
    's3://AKIA123:hunter2@bucket/prefix',
    's3://bucket?secretAccessKey=hunter2',
    's3://bucket?access_key_id=AKIA123&secret=hunter2',
    's3://bucket?endpoint=http://AKIA123:hunter2@host:9000',
  ])('credentials are refused and not repeated: form %#', (url) => {
    const error = (() => {
      try {
        return parseStoreUrl(url);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(StoreUrlError);
    expect(String(error) + JSON.stringify(error)).not.toMatch(/hunter2|AKIA123/);
    expect(String(error)).toContain('holds credentials');
  });
});
