/**
 * annotations: the revision primitive over the annotations of one Kubernetes object, one annotation an id.
 */
import { HoldfastError, type Random } from '../base/index.ts';
import { AnnotatedObject, type ObjectAddress, type RetryParts } from './annotated-object.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { ConflictError, CorruptError, UnavailableError } from './errors.ts';
import type { RevisionStore, StoredState } from './types.ts';

export interface AnnotationStoreOptions extends ObjectAddress, RetryParts {
  /** Before the encoded id in the annotation's key, for example "holdfast.dev/state-". */
  readonly keyPrefix: string;
  /** Who writes, for people; a random part is added for every attempt. */
  readonly writer: string;
}

/** Room for an id in the name part of an annotation's key, characters (63 in all). */
const MAX_KEY_NAME = 63;

export function annotationStore(options: AnnotationStoreOptions): RevisionStore {
  const object = new AnnotatedObject(options, options);
  const { keyPrefix } = options;
  return {
    init: async (signal) => void (await object.read(signal)),
    read: async (id, signal) => decoded(id, (await object.read(signal))[keyOf(keyPrefix, id)]),
    compareAndSet: async (id, revision, value, signal) => {
      const key = keyOf(keyPrefix, id);
      const next = (revision ?? 0) + 1;
      const encoded = encodeEnvelope({
        term: 0,
        revision: next,
        writer: writerToken(options.writer, options.random),
        writtenAt: new Date(options.clock.wallMs()).toISOString(),
        body: { kind: 'plain', value },
      });
      await object.change((current, unsure) => {
        const stored = decoded(id, current[key]);
        const found = stored?.revision;
        // Another writer's `next` proves that ours was not committed; anything else may lie above it.
        if (found !== revision && found !== next && unsure !== undefined)
          throw new UnavailableError(`The outcome for ${id}`, unsure);
        if (found !== revision) throw new ConflictError(id, revision, stored);
        return { [key]: encoded };
      }, signal);
      return next;
    },
    list: async (signal) => {
      const annotations = await object.read(signal);
      // Others may use the prefix too: ours are the keys that come back from their id.
      return Object.keys(annotations)
        .filter((key) => key.startsWith(keyPrefix))
        .map((key) => idOf(key.slice(keyPrefix.length)))
        .filter((id) => encodedKey(keyPrefix, id) in annotations)
        .sort();
    },
  };
}

/** @throws CorruptError */
function decoded(id: string, encoded: string | undefined): StoredState | undefined {
  if (encoded === undefined) return undefined;
  const { body, revision } = decodeEnvelope(id, encoded);
  if (body.kind === 'plain') return { value: body.value, revision };
  throw new CorruptError(id, `a value of form ${body.kind} is none of this store`);
}

/** Unique to one attempt to write. */
export function writerToken(writer: string, random: Random): string {
  return `${writer}/${Buffer.from(random.bytes(8)).toString('hex')}`;
}

/** @throws HoldfastError STATE_ID_INVALID */
function keyOf(keyPrefix: string, id: string): string {
  const key = encodedKey(keyPrefix, id);
  if (key.slice(key.indexOf('/') + 1).length > MAX_KEY_NAME)
    throw new HoldfastError('STATE_ID_INVALID', `The id "${id}" is too long for the key of an annotation.`, {
      fields: { id },
    });
  return key;
}

/** Ids may hold anything; keys may not: bytes other than letters, digits, - and . become _xx. */
function encodedKey(keyPrefix: string, id: string): string {
  const name = Array.from(Buffer.from(id, 'utf8'), (byte) => {
    const char = String.fromCharCode(byte);
    return /[a-zA-Z0-9.-]/.test(char) ? char : `_${byte.toString(16).padStart(2, '0')}`;
  }).join('');
  return `${keyPrefix}x${name}x`; // a name begins and ends with a letter or digit
}

function idOf(name: string): string {
  const bytes = name
    .slice(1, -1)
    .replaceAll(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
