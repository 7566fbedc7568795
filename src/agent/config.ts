/**
 * The agent's configuration: environment variables set by the operator in the pod, checked once at start.
 */
import { z } from 'zod';
import { HoldfastError } from '../base/index.ts';
import {
  compactorOptions,
  sessionOptions,
  type CompactorOptions,
  type SessionOptions,
} from '../journal/index.ts';

export class ConfigError extends HoldfastError {
  constructor(problems: string) {
    super(
      'CONFIG_INVALID',
      `The agent's environment is not usable: ${problems}. The operator sets it; check the pod's env.`,
      {
        fields: { problems },
      },
    );
  }
}

const port = z.coerce.number().int().min(0).max(65_535);

/** A JSON object of options, checked by the room that uses them. */
function optionsOf<T>(
  variable: string,
  what: string,
  check: (given: Readonly<Record<string, unknown>>) => T,
): z.ZodType<T, string | undefined> {
  return z
    .string()
    .default('{}')
    .transform((text, context) => {
      try {
        return check(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
      } catch (error) {
        context.addIssue({
          code: 'custom',
          message: `${variable} is not a JSON object with the options of ${what} (${String(error)})`,
        });
        return z.NEVER;
      }
    });
}

const environment = z.object({
  POD_NAME: z.string().min(1),
  POD_NAMESPACE: z.string().min(1),
  POD_UID: z.string().min(1),
  POD_IP: z.string().min(1),
  NODE_NAME: z.string().default(''),
  HOLDFAST_SHARD: z.string().min(1),
  HOLDFAST_RECOVERY_LOG: z.string().min(1),
  HOLDFAST_STORE_URL: z.string().min(1),
  HOLDFAST_JOURNAL: z.string().min(1),
  HOLDFAST_GENERATION: z.string().min(1),
  HOLDFAST_GROUP_COMMIT: optionsOf('HOLDFAST_GROUP_COMMIT', 'group commit', sessionOptions),
  HOLDFAST_COMPACTION: optionsOf('HOLDFAST_COMPACTION', 'compaction', compactorOptions),
  HOLDFAST_DATA_DIR: z.string().default('/data'),
  HOLDFAST_AGENT_PORT: port.default(8081),
  HOLDFAST_APPLICATION_PORT: port.default(8080),
  HOLDFAST_HINTS_INTERVAL_SECONDS: z.coerce.number().positive().default(30),
  HOLDFAST_HINTS_ROTATION_SECONDS: z.coerce.number().positive().default(3600),
  HOLDFAST_FENCE_CHECK_SECONDS: z.coerce.number().positive().default(10),
});

export interface AgentConfig {
  readonly pod: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly ip: string;
    readonly node: string;
  };
  readonly shard: string;
  readonly recoveryLog: string;
  readonly storeUrl: string;
  readonly journal: string;
  readonly generation: string;
  readonly groupCommit: Partial<SessionOptions>;
  readonly compaction: Partial<CompactorOptions>;
  readonly dataDir: string;
  readonly agentPort: number;
  readonly applicationPort: number;
  readonly hintsIntervalMs: number;
  /** How often a primary pushes its older hints into the backups: with each push the log may be pruned up to where the oldest of them ends. */
  readonly hintsRotationMs: number;
  /** How often a primary that nobody asks anything looks whether it was fenced. One GET each time: ten cents a month at 10 s. */
  readonly fenceCheckMs: number;
}

/** Reads the environment. @throws ConfigError naming every variable that is missing or wrong. */
export function agentConfig(env: NodeJS.ProcessEnv): AgentConfig {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues
        .map((issue) => `${issue.path.join('.') || 'environment'}: ${issue.message}`)
        .join('; '),
    );
  }
  const e = parsed.data;
  return {
    pod: { name: e.POD_NAME, namespace: e.POD_NAMESPACE, uid: e.POD_UID, ip: e.POD_IP, node: e.NODE_NAME },
    shard: e.HOLDFAST_SHARD,
    recoveryLog: e.HOLDFAST_RECOVERY_LOG,
    storeUrl: e.HOLDFAST_STORE_URL,
    journal: e.HOLDFAST_JOURNAL,
    generation: e.HOLDFAST_GENERATION,
    groupCommit: e.HOLDFAST_GROUP_COMMIT,
    compaction: e.HOLDFAST_COMPACTION,
    dataDir: e.HOLDFAST_DATA_DIR,
    agentPort: e.HOLDFAST_AGENT_PORT,
    applicationPort: e.HOLDFAST_APPLICATION_PORT,
    hintsIntervalMs: e.HOLDFAST_HINTS_INTERVAL_SECONDS * 1000,
    hintsRotationMs: e.HOLDFAST_HINTS_ROTATION_SECONDS * 1000,
    fenceCheckMs: e.HOLDFAST_FENCE_CHECK_SECONDS * 1000,
  };
}
