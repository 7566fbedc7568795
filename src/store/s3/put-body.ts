/**
 * What a PutObject is given of a body.
 *
 * 1. One piece goes as it is; the SDK digests it for its signature. Several go as a stream, in their order and without being put together; their
 *    digest is made here, with a breath after each MiB, and is signed like the SDK's own: a store that checks signatures checks every byte.
 * 2. Where the SDK would put a checksum of its own behind a stream, in chunks, the same digest is given as that checksum.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { Breath, EMPTY_BYTES } from '../../base/index.ts';
import { lengthOf, piecesOf, type Body } from '../body.ts';

/** The header that takes the place of the SDK's own digest of what it sends. */
const DIGEST_HEADER = 'x-amz-content-sha256';

/** `input` with these bytes; `checksums`: whether the SDK's client is set to add a checksum to each PUT. */
export async function putCommand(
  input: Omit<PutObjectCommandInput, 'Body'>,
  body: Body,
  checksums: boolean,
): Promise<PutObjectCommand> {
  const pieces = piecesOf(body);
  if (pieces.length <= 1) return new PutObjectCommand({ ...input, Body: pieces[0] ?? EMPTY_BYTES });
  const hash = createHash('sha256');
  const breath = new Breath();
  for (const piece of pieces) {
    hash.update(piece);
    await breath.after(piece.length);
  }
  const digest = hash.digest();
  const command = new PutObjectCommand({
    ...input,
    Body: Readable.from(pieces, { objectMode: false }),
    ContentLength: lengthOf(body),
    ...(checksums ? { ChecksumSHA256: digest.toString('base64') } : {}), // 2
  });
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers[DIGEST_HEADER] = digest.toString('hex');
      return next(args);
    },
    { step: 'build', name: 'digestOfPieces' },
  );
  return command;
}
