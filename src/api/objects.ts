/**
 * Objects as they come from the API server, parsed once at the boundary.
 */
import { z } from 'zod';
import { HoldfastError } from '../base/index.ts';
import type { assignmentSchema, conditionSchema, handoffSchema, replicaSchema } from './schema.ts';
import {
  journalStoreSpec,
  journalStoreStatus,
  recoveryLogSpec,
  recoveryLogStatus,
  shardSpec,
  shardStatus,
} from './schema.ts';

/** An object that is not what its kind promises. */
export class InvalidObjectError extends HoldfastError {
  constructor(kind: string, name: string, problems: string) {
    super('OBJECT_INVALID', `${kind} ${name} is not valid: ${problems}.`, {
      fields: { kind, name, problems },
    });
  }
}

const metadata = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.number().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

const journalStore = z.looseObject({
  metadata,
  spec: journalStoreSpec,
  status: journalStoreStatus.optional(),
});
const recoveryLog = z.looseObject({ metadata, spec: recoveryLogSpec, status: recoveryLogStatus.optional() });
const shard = z.looseObject({ metadata, spec: shardSpec, status: shardStatus.optional() });

export type JournalStore = z.infer<typeof journalStore>;
export type RecoveryLog = z.infer<typeof recoveryLog>;
export type Shard = z.infer<typeof shard>;
export type Condition = z.infer<typeof conditionSchema>;
export type Assignment = z.infer<typeof assignmentSchema>;
export type ReplicaStatus = z.infer<typeof replicaSchema>;
export type Handoff = z.infer<typeof handoffSchema>;

function parse<T>(kind: string, schema: z.ZodType<T>, object: unknown): T {
  const parsed = schema.safeParse(object);
  if (parsed.success) return parsed.data;
  const named = z.object({ metadata: z.object({ name: z.string() }) }).safeParse(object);
  const problems = parsed.error.issues
    .map((issue) => `${issue.path.join('.') || 'object'}: ${issue.message}`)
    .join('; ');
  throw new InvalidObjectError(kind, named.success ? named.data.metadata.name : '(unnamed)', problems);
}

/** @throws InvalidObjectError naming every wrong field. */
export function parseJournalStore(object: unknown): JournalStore {
  return parse('JournalStore', journalStore, object);
}

/** @throws InvalidObjectError naming every wrong field. */
export function parseRecoveryLog(object: unknown): RecoveryLog {
  return parse('RecoveryLog', recoveryLog, object);
}

/** @throws InvalidObjectError naming every wrong field. */
export function parseShard(object: unknown): Shard {
  return parse('Shard', shard, object);
}

/**
 * Names of the pins of a RecoveryLog: whoever holds one keeps what it needs of the log from being pruned (DESIGN §5.4). This version makes none; an
 * operator of a later one may, under primaries of this one. So whatever stands there counts, in whatever form.
 */
export function pinsOf(object: unknown): readonly string[] {
  const parsed = z.object({ spec: z.object({ pins: z.unknown().optional() }) }).safeParse(object);
  const pins = parsed.success ? parsed.data.spec.pins : undefined;
  if (pins === undefined || pins === null) return [];
  if (!Array.isArray(pins)) return ['spec.pins'];
  return pins.map((pin: unknown, i) => {
    const named = z.object({ name: z.string() }).safeParse(pin);
    return named.success ? named.data.name : `spec.pins[${i}]`;
  });
}
