/**
 * The CRDs, made from the schemas: what `npm run gen` writes to crds/ and into the chart.
 *
 * G1  Structural schemas only: no references, no empty additionalProperties (loose objects would emit `{}`, which the API server refuses).
 * G2  They are sent as text, never through a typed client, which would silently drop defaults, enums and every x-kubernetes-* key
 *     (ecosystem.md §1.3).
 */
import { stringify } from 'yaml';
import { z } from 'zod';
import { KINDS, type KindNames } from './names.ts';
import {
  journalStoreSpec,
  journalStoreStatus,
  recoveryLogSpec,
  recoveryLogStatus,
  shardSpec,
  shardStatus,
} from './schema.ts';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean';
  readonly jsonPath: string;
  /** 1: only in wide output. */
  readonly priority?: number;
  readonly description?: string;
}

interface Definition {
  readonly names: KindNames;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
}

const condition = (type: string, field: 'status' | 'reason'): string =>
  `.status.conditions[?(@.type=="${type}")].${field}`;
const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const READY: Column = { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') };
const REASON: Column = { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason') };

const DEFINITIONS: readonly Definition[] = [
  {
    names: KINDS.journalStore,
    spec: journalStoreSpec,
    status: journalStoreStatus,
    columns: [{ name: 'URL', type: 'string', jsonPath: '.status.url' }, READY, REASON, AGE],
  },
  {
    names: KINDS.recoveryLog,
    spec: recoveryLogSpec,
    status: recoveryLogStatus,
    columns: [
      { name: 'Journal', type: 'string', jsonPath: '.spec.journal' },
      { name: 'Store', type: 'string', jsonPath: '.spec.storeRef.name' },
      READY,
      { name: 'Head', type: 'integer', jsonPath: '.status.head' },
      {
        name: 'Hints Age',
        type: 'integer',
        jsonPath: '.status.hintsAgeSeconds',
        priority: 1,
        description: 'seconds',
      },
      AGE,
    ],
  },
  {
    names: KINDS.shard,
    spec: shardSpec,
    status: shardStatus,
    columns: [
      READY,
      { name: 'Primary', type: 'string', jsonPath: '.status.assignment.primary' },
      { name: 'Term', type: 'integer', jsonPath: '.status.assignment.term' },
      {
        name: 'Replicas',
        type: 'integer',
        jsonPath: '.status.readyReplicas',
        description: 'replicas that are caught up',
      },
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      { name: 'Standbys', type: 'integer', jsonPath: '.spec.standbys', priority: 1 },
      { name: 'Last Handoff', type: 'string', jsonPath: '.status.assignment.reason', priority: 1 },
      AGE,
    ],
  },
];

type Json = { [key: string]: unknown };

/** Drops what JSON Schema says and a structural schema may not (G1). */
function structural(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(structural);
  if (typeof node !== 'object' || node === null) return node;
  const { additionalProperties, $schema: _schema, ...rest } = node as Json;
  const kept = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, structural(value)]));
  const isMap =
    typeof additionalProperties === 'object' &&
    additionalProperties !== null &&
    Object.keys(additionalProperties).length > 0;
  return isMap ? { ...kept, additionalProperties: structural(additionalProperties) } : kept;
}

function schemaOf(type: z.ZodType): Json {
  return structural(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' })) as Json;
}

function definition({ names, spec, status, columns }: Definition): Json {
  const { group, version, kind, plural, singular, shortNames } = names;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        plural,
        singular,
        listKind: `${kind}List`,
        shortNames: shortNames.filter((short) => short !== singular),
        categories: ['holdfast'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: schemaOf(spec),
                status: { ...schemaOf(status), 'x-kubernetes-preserve-unknown-fields': true },
              },
            },
          },
        },
      ],
    },
  };
}

export interface RenderedCrd {
  /** File name, `<group>_<plural>.yaml`. */
  readonly file: string;
  readonly yaml: string;
}

/** All CRDs as YAML, in a fixed order. */
export function renderCrds(): RenderedCrd[] {
  return DEFINITIONS.map((each) => ({
    file: `${each.names.group}_${each.names.plural}.yaml`,
    yaml: stringify(definition(each), { lineWidth: 0, aliasDuplicateObjects: false }),
  }));
}
