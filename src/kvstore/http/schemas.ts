/**
 * The JSON bodies of the contract. The document is made from them, and the tests hold every answer against them.
 *
 * J1  An object has no fields but these: a field that nobody knows is a mistake of the sender, not a thing to be ignored.
 * J2  A byte string `x` is the text field `x` when its bytes are UTF-8, else the field `xBase64`; never both (json-bytes.ts).
 */
import { z, type ZodType } from 'zod';
import { KV_ERROR_STATUS } from '../errors.ts';
import { MAX_BATCH_PAIRS } from '../limits.ts';
import { MAX_BACKUP_URL_LENGTH } from './limits.ts';

type Fields = Record<string, ZodType>;

const numberField = (what: string): ZodType => z.int().min(0).describe(what);

/** J2. */
function bytesFields(name: string, what: string): Fields {
  return {
    [name]: z.string().describe(`${what}, when its bytes are UTF-8.`).optional(),
    [`${name}Base64`]: z.string().describe(`${what}, in base64, when they are not.`).optional(),
  };
}

const EXPIRES_AT: Fields = {
  expiresAt: numberField('When the pair ends to exist, milliseconds since 1970. Absent: never.').optional(),
};
const TTL: Fields = {
  ttlMs: z.int().min(1).describe('How long the pair exists, milliseconds; instead of expiresAt.').optional(),
};
const KEY = bytesFields('key', 'The key');
const VALUE = bytesFields('value', 'The value');

const shape = (fields: Fields): ZodType => z.strictObject(fields); // J1

const pair = shape({ ...KEY, ...VALUE, ...EXPIRES_AT });
const newPair = shape({ ...KEY, ...VALUE, ...EXPIRES_AT, ...TTL });

export const batchBody: ZodType = shape({ pairs: z.array(newPair).min(1).max(MAX_BATCH_PAIRS) });
export const casBody: ZodType = shape({
  ...KEY,
  ...bytesFields('expected', 'What the key must hold; neither form or null: there must be no such key'),
  expected: z.string().nullable().optional(),
  ...VALUE,
  ...EXPIRES_AT,
  ...TTL,
});

export const putAnswer: ZodType = shape({ pairs: numberField('Pairs written.') });
export const deleteAnswer: ZodType = shape({ deleted: z.boolean().describe('Whether the key was there.') });
export const casAnswer: ZodType = shape({ swapped: z.boolean().describe('Whether the value was set.') });

export const pageAnswer: ZodType = shape({
  pairs: z.array(pair).describe('In ascending order of key bytes.'),
  ...bytesFields('next', 'The first key left out; give it as start to go on. Absent at the end'),
});
export const valuesAnswer: ZodType = shape({
  values: z
    .array(shape({ ...VALUE, ...EXPIRES_AT }).nullable())
    .describe('Position by position of the keys asked for; null where there is none.'),
});
export const readAnswer: ZodType = z.union([pageAnswer, valuesAnswer]);

const HISTORY = z
  .string()
  .describe('Identity of all changes up to this one: a chained digest, the same on every replica.');

const change = shape({
  number: numberField('Number of the change: the log index of the command that made it.'),
  previous: numberField(
    'Number of the change before it; the log holds other things too, so numbers have gaps.',
  ),
  now: numberField('Time of the command, milliseconds since 1970.'),
  history: HISTORY,
  operations: z.array(
    z.union([
      shape({ type: z.literal('put'), ...KEY, ...VALUE, ...EXPIRES_AT }),
      shape({ type: z.literal('delete'), ...KEY }),
    ]),
  ),
});
const ROLE = z.enum(['primary', 'standby', 'replica']).describe('What the answering replica is.');

export const changesAnswer: ZodType = shape({
  role: ROLE,
  latest: numberField('The newest change this replica has applied.'),
  changes: z.array(change).describe('In order, from the number asked for on.'),
});

export const statsAnswer: ZodType = shape({
  role: ROLE,
  engine: z.enum(['memory', 'sqlite']).describe('Where the pairs are.'),
  keys: numberField('Pairs held, expired ones that are not removed yet included.'),
  dataBytes: numberField('Bytes of their keys and values.'),
  changeNumber: numberField('The newest change applied.'),
  history: HISTORY,
  now: numberField('Time of the newest change, milliseconds since 1970.'),
  oldestChange: numberField('The oldest number that /v1/changes can begin from.'),
  replacing: z.boolean().describe('The contents are being replaced; writes are refused with BUSY.'),
  replication: shape({
    state: z.enum(['starting', 'loading', 'following', 'ahead', 'closed']),
    source: z.string().describe('The replica that is followed.'),
    lag: numberField('Changes behind the source, as of its last answer.').optional(),
    ageMs: z.number().min(0).describe('Time since the last answer of a source.').optional(),
    healthy: z.boolean(),
    reason: z.string().describe('Why it is not healthy.').optional(),
    batch: numberField('Changes asked for at once.'),
    snapshotsLoaded: numberField('Times the whole contents were loaded.'),
    divergences: numberField('Times the source had had other changes under the same numbers.'),
  })
    .describe('Of a read replica only.')
    .optional(),
});

export const sessionAnswer: ZodType = shape({
  session: z.string().describe('Number of the session; send it as Holdfast-Session.'),
});
export const sessionEndAnswer: ZodType = shape({
  ended: z.boolean().describe('Whether there was such a session.'),
});

export const backupBody: ZodType = shape({
  url: z
    .string()
    .min(1)
    .max(MAX_BACKUP_URL_LENGTH)
    .describe('Place of the backup: a URL of an object store.'),
});
export const backupAnswer: ZodType = shape({
  changeNumber: numberField('The newest change in the backup.'),
  pairs: numberField('Pairs in it.'),
  bytes: numberField('Its size, bytes.'),
});

export const errorAnswer: ZodType = shape({
  code: z.enum(Object.keys(KV_ERROR_STATUS) as [string, ...string[]]),
  message: z.string().describe('What is wrong and what to do, for a person.'),
  oldest: numberField('With CHANGES_GAP: the oldest change that is still there.').optional(),
  latest: numberField('With CHANGES_AHEAD: the newest change there is.').optional(),
});

export const documentAnswer: ZodType = z.looseObject({ openapi: z.string() });
