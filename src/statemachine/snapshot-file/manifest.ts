/**
 * manifest: what belongs to a snapshot that is more than one file, as a JSON text: beside the files of an export (F4.26's side file, F4.27), in the header
 * of a snapshot in a log.
 *
 * G1  It ends with a digest of itself and has one form only, so that any changed byte is found.
 * G2  It names each file with size and digest. A directory that has a manifest and every file in it as it says is a whole snapshot.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { SnapshotDamagedError, SnapshotVersionError } from './errors.ts';

export const MANIFEST_FILE = 'manifest.json';
/** The snapshot file of an exported snapshot. */
export const STATE_FILE = 'state.snapshot';
const FORMAT = 'holdfast-snapshot';
const VERSION = 1;
/** Longest manifest that is read, bytes: thousands of files with their metadata. */
export const MAX_MANIFEST_BYTES: number = 16 * 1024 * 1024;

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fileShape = z.strictObject({
  id: count,
  file: z.string(),
  bytes: count,
  sha256,
  /** Base64. */
  metadata: z.base64(),
});
const shape = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  kind: z.enum(['regular', 'concurrent', 'on-disk']),
  index: count,
  term: count,
  /** Absent in a log, where the state stands behind the header. */
  state: z.strictObject({ bytes: count, payloadChecksum: count }).optional(),
  files: z.array(fileShape).readonly(),
  digest: sha256,
});

export type ManifestFile = Readonly<z.infer<typeof fileShape>>;
/** What a snapshot consists of; sizes in bytes. */
export type Manifest = Readonly<Omit<z.infer<typeof shape>, 'format' | 'version' | 'digest'>>;

/** Name of an external file in its snapshot's directory (F4.24). */
export function externalFileName(id: number): string {
  return `external-file-${id}`;
}

/** Digest of a manifest: names this snapshot and no other. */
export function manifestDigest(manifest: Manifest): string {
  return createHash('sha256')
    .update(JSON.stringify(ordered(manifest)))
    .digest('hex');
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const whole = { ...ordered(manifest), digest: manifestDigest(manifest) };
  return utf8(`${JSON.stringify(whole, undefined, 2)}\n`);
}

/** @throws SnapshotDamagedError (G1), SnapshotVersionError */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const value = parsed(bytes);
  const { version } = z.object({ version: z.unknown() }).catch({ version: undefined }).parse(value);
  if (typeof version === 'number' && version > VERSION)
    throw new SnapshotVersionError(`its manifest has version ${version}`);
  const read = shape.safeParse(value);
  if (!read.success) throw new SnapshotDamagedError('its manifest has another form', 0, read.error);
  const { format: _format, version: _version, digest: _digest, ...manifest } = read.data;
  if (Buffer.compare(encodeManifest(manifest), bytes) !== 0)
    throw new SnapshotDamagedError('the digest of its manifest does not hold', 0);
  for (const { id, file } of manifest.files)
    if (file !== externalFileName(id)) throw new SnapshotDamagedError(`its file ${id} is called ${file}`, 0);
  return manifest;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes)) as unknown;
  } catch (error) {
    throw new SnapshotDamagedError('its manifest is no JSON', 0, error);
  }
}

/** The one order of fields that is written. */
function ordered({ kind, index, term, state, files }: Manifest): object {
  return {
    format: FORMAT,
    version: VERSION,
    kind,
    index,
    term,
    ...(state && { state: { bytes: state.bytes, payloadChecksum: state.payloadChecksum } }),
    files: files.map(({ id, file, bytes, sha256, metadata }) => ({ id, file, bytes, sha256, metadata })),
  };
}
