/**
 * Keys and URLs under random input.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, keyProblem } from './keys.ts';
import { formatStoreUrl, parseStoreUrl } from './url.ts';

test('whatever a location, its URL parses back to it', () => {
  const prefix = fc.oneof(
    fc.constant(''),
    fc.string({ unit: 'grapheme' }).filter((text) => keyProblem(text) === undefined),
  );
  const location = fc.record({
    scheme: fc.constant('s3' as const),
    bucket: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{2,40}$/),
    prefix,
    endpoint: fc.constantFrom(undefined, 'http://127.0.0.1:9000', 'https://s3.example', 'http://[::1]:8080'),
    region: fc.option(fc.stringMatching(/^[a-z]{2}-[a-z]{4,9}-[1-9]$/), { nil: undefined }),
    forcePathStyle: fc.boolean(),
  });
  fc.assert(
    fc.property(location, (l) => {
      expect(parseStoreUrl(formatStoreUrl(l))).toEqual(l);
    }),
  );
});

test('no text makes the parser throw anything but its own error', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('s3://', 'file://', 'memory:', ''),
      fc.string({ unit: 'binary' }),
      (scheme, rest) => {
        try {
          const location = parseStoreUrl(scheme + rest);
          expect(parseStoreUrl(formatStoreUrl(location))).toEqual(location);
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORE_URL_INVALID' });
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('the order of keys is that of their bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(Buffer.from(a).compare(Buffer.from(b))));
    }),
  );
});
