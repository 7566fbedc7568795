/**
 * The kinds as schemas: from them come the TypeScript types, the CRDs with their defaults and rules, and the checks at the boundary.
 *
 * K1  A spec has a default for everything that a user need not decide, in the schema, so that `kubectl get -o yaml` shows what is in force.
 * K2  What a CEL rule says is also true of whatever parses here: the rules stand beside the fields they are about.
 * K3  Lists and texts are bounded, so that the cost of CEL rules is.
 * K4  A status is rebuilt from the world; unknown fields of later versions are kept, not refused.
 */
import { z } from 'zod';

const name = z.string().min(1).max(253);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const time = z.string().max(40).meta({ format: 'date-time' });
const rule = (expression: string, message: string): { rule: string; message: string } => ({
  rule: expression,
  message,
});
const immutable = (what: string): Record<string, unknown> => ({
  'x-kubernetes-validations': [rule('self == oldSelf', `${what} cannot be changed; make a new object`)],
});

const reference = z.object({ name });
/** A part of a pod that is handed on as it is. */
const passedOn = z.looseObject({}).meta({ 'x-kubernetes-preserve-unknown-fields': true });

export const conditionSchema = z.object({
  type: z.string().max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  observedGeneration: count.optional(),
  lastTransitionTime: time,
  reason: z.string().min(1).max(1024),
  message: z.string().max(32_768),
});
const conditions = z
  .array(conditionSchema)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

const s3 = z.object({
  bucket: z.string().min(3).max(63),
  prefix: z.string().max(512).optional(),
  region: z.string().max(64).default('us-east-1'),
  endpoint: z
    .string()
    .max(512)
    .regex(/^https?:\/\/.+$/)
    .optional(),
  forcePathStyle: z.boolean().default(false),
  credentials: z.object({ secretRef: reference }).optional(),
});

const BUFFER_HOLDS_BATCH = 'bufferLimitBytes must be at least maxBatchBytes';

/** Names, defaults and ranges of the journal's SessionOptions, which this room may not import; a test of the agent compares them. */
const groupCommit = z
  .object({
    flushIntervalMs: z.number().int().min(0).max(60_000).default(250),
    idleFlushMs: z.number().int().min(0).max(60_000).default(20),
    maxBatchBytes: z.number().int().min(1024).max(8_388_608).default(4_194_304),
    barrierIntervalMs: z.number().int().min(0).max(60_000).default(0),
    bufferLimitBytes: z.number().int().min(1024).max(1_073_741_824).default(33_554_432),
    giveUpMs: z.number().int().min(1).max(3_600_000).default(60_000),
    firstAttemptMs: z.number().int().min(1).max(60_000).default(2000),
    laterAttemptMs: z.number().int().min(1).max(60_000).default(4000),
    compression: z.enum(['raw', 'gzip', 'zstd']).default('zstd'),
    compressAboveBytes: z.number().int().min(0).max(8_388_608).default(65_536),
  })
  .refine((limits) => limits.bufferLimitBytes >= limits.maxBatchBytes, {
    path: ['bufferLimitBytes'],
    message: BUFFER_HOLDS_BATCH,
  });

/** As groupCommit: names, defaults and ranges of the journal's CompactorOptions. */
const compaction = z.object({
  triggerBytes: z.number().int().min(65_536).max(1_073_741_824).default(67_108_864),
  triggerSlots: z.number().int().min(16).max(100_000).default(512),
  intervalMs: z.number().int().min(1000).max(86_400_000).default(600_000),
  graceMs: z.number().int().min(60_000).max(86_400_000).default(900_000),
  pruneAgeMs: z.number().int().min(0).max(604_800_000).default(900_000),
  compression: z.enum(['raw', 'gzip', 'zstd']).default('zstd'),
  fragmentBytes: z.number().int().min(65_536).max(67_108_864).default(67_108_864),
  giveUpMs: z.number().int().min(1).max(3_600_000).default(60_000),
});

export const journalStoreSpec = z
  .object({
    s3: s3.optional(),
    file: z
      .object({
        path: z
          .string()
          .max(4096)
          .regex(/^\/.+$/),
      })
      .optional(),
    groupCommit: groupCommit.prefault({}),
    compaction: compaction.prefault({}),
  })
  .meta({
    'x-kubernetes-validations': [
      rule('has(self.s3) != has(self.file)', 'exactly one of s3 and file must be set'),
      // Here for the same reason as the rule about failover below.
      rule('self.groupCommit.bufferLimitBytes >= self.groupCommit.maxBatchBytes', BUFFER_HOLDS_BATCH),
    ],
  });

export const journalStoreStatus = z.looseObject({
  observedGeneration: count.optional(),
  url: z.string().max(2048).optional(),
  probe: z
    .object({
      time,
      properties: z
        .array(z.object({ name: z.string().max(64), ok: z.boolean(), detail: z.string().max(1024) }))
        .max(32),
    })
    .optional(),
  conditions: conditions.optional(),
});

export const recoveryLogSpec = z.object({
  storeRef: reference.meta(immutable('storeRef')),
  journal: z.string().min(4).max(512).meta(immutable('journal')),
  reclaimPolicy: z.enum(['Retain', 'Delete']).default('Retain'),
});

export const recoveryLogStatus = z.looseObject({
  observedGeneration: count.optional(),
  generation: z.string().max(64).optional(),
  initialized: z.boolean().optional(),
  head: count.optional(),
  hintsAgeSeconds: count.optional(),
  conditions: conditions.optional(),
});

const template = z.object({
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  image: z.string().max(512).optional(),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
  imagePullSecrets: z.array(reference).max(16).optional(),
  resources: passedOn.optional(),
  nodeSelector: z.record(z.string(), z.string()).optional(),
  tolerations: z.array(passedOn).max(32).optional(),
  affinity: passedOn.optional(),
  env: z.array(passedOn).max(64).optional(),
  serviceAccountName: name.optional(),
  priorityClassName: name.optional(),
  terminationGracePeriodSeconds: z.number().int().min(1).max(3600).optional(),
});

export const shardSpec = z
  .object({
    storeRef: reference.optional(),
    logRef: reference.optional(),
    standbys: z.number().int().min(0).max(8).default(1),
    application: z.object({
      /** Of an application of Holdfast's image; with `command`, any name for a service of one's own. */
      name: z.string().min(1).max(63),
      /** Program of a service of one's own, as in a container, in `template.image`. */
      command: z.array(z.string().min(1).max(1024)).min(1).max(64).optional(),
      args: z.array(z.string().max(1024)).max(64).optional(),
    }),
    template: template.prefault({}),
    failover: z
      .object({
        silenceSeconds: z.number().int().min(1).max(3600).default(3),
        soloSilenceSeconds: z.number().int().min(1).max(3600).default(6),
      })
      .prefault({}),
    paused: z.boolean().default(false),
    suspend: z.boolean().default(false),
  })
  .meta({
    'x-kubernetes-validations': [
      // Not beside the field: the API server checks a rule there against the default {} before it fills in what is inside.
      rule(
        'self.failover.soloSilenceSeconds >= self.failover.silenceSeconds',
        'soloSilenceSeconds must be at least silenceSeconds',
      ),
      rule('has(self.storeRef) != has(self.logRef)', 'exactly one of storeRef and logRef must be set'),
      rule(
        '!has(oldSelf.storeRef) || (has(self.storeRef) && self.storeRef == oldSelf.storeRef)',
        'storeRef cannot be changed; make a new shard',
      ),
      rule(
        '!has(oldSelf.logRef) || (has(self.logRef) && self.logRef == oldSelf.logRef)',
        'logRef cannot be changed; make a new shard',
      ),
    ],
  });

export const assignmentSchema = z.object({
  term: count,
  primary: name,
  from: name.optional(),
  planned: z.boolean(),
  reason: z.string().max(128),
  since: time,
});

export const replicaSchema = z.object({
  pod: name,
  uid: z.string().max(64).optional(),
  role: z.enum(['primary', 'standby', 'none']),
  state: z.enum([
    'pending',
    'starting',
    'restoring',
    'tailing',
    'promoting',
    'serving',
    'stopped',
    'unknown',
  ]),
  address: z.string().max(64).optional(),
  node: z.string().max(253).optional(),
  term: count.optional(),
  appliedOffset: count.optional(),
  headOffset: count.optional(),
  lagBytes: count.optional(),
  restore: z.object({ bytesDone: count, bytesTotal: count, etaSeconds: count.optional() }).optional(),
  /** A hints slot, or the beginning of the log. */
  restoredFrom: z.string().max(32).optional(),
});

export const handoffSchema = z.object({
  term: count,
  fromPod: name.optional(),
  toPod: name,
  reason: z.string().max(128),
  evidence: z.string().max(2048),
  startedAt: time,
  outcome: z.enum(['InProgress', 'Completed', 'Failed', 'Superseded']),
  detectMs: count.optional(),
  decideMs: count.optional(),
  fenceMs: count.optional(),
  replayMs: count.optional(),
  serveMs: count.optional(),
  totalMs: count.optional(),
});

export const shardStatus = z.looseObject({
  observedGeneration: count.optional(),
  assignment: assignmentSchema.optional(),
  replicas: z.array(replicaSchema).max(32).optional(),
  handoffs: z.array(handoffSchema).max(10).optional(),
  readyReplicas: count.optional(),
  selector: z.string().max(1024).optional(),
  /** Derived from the conditions, for display only. */
  phase: z.string().max(64).optional(),
  conditions: conditions.optional(),
});
