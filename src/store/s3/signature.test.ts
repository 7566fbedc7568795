import { describe, expect, test } from '@jest/globals';
import { authorization, dayKey, signatureTime, type UnsignedRequest } from './signature.ts';

/** The examples of the S3 API reference, with its keys. */
const ACCESS_KEY = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const REGION = 'us-east-1';
const WHEN = Date.UTC(2013, 4, 24);
const HOST = 'examplebucket.s3.amazonaws.com';

function signatureOf(request: UnsignedRequest): string {
  const key = dayKey(SECRET, '20130524', REGION);
  return authorization(request, { accessKeyId: ACCESS_KEY, region: REGION, key });
}

describe('a signature', () => {
  test('of a GET with a range is that of the reference', () => {
    const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const headers = {
      host: HOST,
      range: 'bytes=0-9',
      'x-amz-content-sha256': nothing,
      'x-amz-date': signatureTime(WHEN),
    };
    expect(signatureOf({ method: 'GET', path: '/test.txt', query: '', headers })).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, ' +
        'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  test('of a PUT with more headers and an encoded path is that of the reference', () => {
    const headers = {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      host: HOST,
      'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      'x-amz-date': signatureTime(WHEN),
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    };
    expect(signatureOf({ method: 'PUT', path: '/test%24file.text', query: '', headers })).toContain(
      'Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    );
  });

  test('of a query is that of the reference', () => {
    const headers = {
      host: HOST,
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-amz-date': signatureTime(WHEN),
    };
    const query = 'max-keys=2&prefix=J';
    expect(signatureOf({ method: 'GET', path: '/', query, headers })).toContain(
      'Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    );
  });
});
