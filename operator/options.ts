/**
 * What an operator process is told by flags and environment, checked once at start.
 */
import { z } from 'zod';
import { HoldfastError } from '../src/base/index.ts';
import { checkElectionTiming, ELECTION_TIMING, ElectionTimingError } from './runtime/index.ts';

/** Flags or environment that an operator cannot start with. */
export class OperatorOptionsError extends HoldfastError {
  constructor(problems: string) {
    super('OPERATOR_OPTIONS_INVALID', `The operator cannot start: ${problems}.`, { fields: { problems } });
  }
}

/** The flags of `holdfast operator`, by their names in camel case. */
const flags = z.strictObject({
  /** Image of the shards' pods, unless a Shard names another. */
  image: z.string().min(1, 'is needed: the image of the shards'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  httpPort: z.coerce.number().int().min(0).max(65_535).default(8082),
  leaseName: z.string().min(1).default('holdfast-operator'),
  leaseMs: z.coerce.number().int().default(ELECTION_TIMING.leaseMs),
  renewDeadlineMs: z.coerce.number().int().default(ELECTION_TIMING.renewDeadlineMs),
  retryMs: z.coerce.number().int().default(ELECTION_TIMING.retryMs),
  /** Only objects of this namespace; all by default. */
  watchNamespace: z.string().min(1).optional(),
});

const environment = z.object({
  POD_NAME: z.string().min(1),
  POD_NAMESPACE: z.string().min(1),
  /** Address that the health server listens on. */
  POD_IP: z.string().min(1).default('0.0.0.0'),
});

export type OperatorOptions = z.input<typeof flags>;

export interface OperatorSettings extends z.output<typeof flags> {
  readonly pod: { readonly name: string; readonly namespace: string; readonly ip: string };
}

/** Checks flags and environment. @throws OperatorOptionsError naming everything that is wrong */
export function operatorSettings(options: OperatorOptions, env: NodeJS.ProcessEnv): OperatorSettings {
  const parsedFlags = flags.safeParse(options);
  const parsedEnv = environment.safeParse(env);
  const problems = [
    ...(parsedFlags.error?.issues ?? []).map((issue) => `--${flagName(issue.path)}: ${issue.message}`),
    ...(parsedEnv.error?.issues ?? []).map(
      (issue) => `environment ${issue.path.join('.')}: ${issue.message}`,
    ),
  ];
  if (!parsedFlags.success || !parsedEnv.success) throw new OperatorOptionsError(problems.join('; '));
  try {
    checkElectionTiming(parsedFlags.data);
  } catch (thrown) {
    if (thrown instanceof ElectionTimingError) throw new OperatorOptionsError(thrown.message);
    throw thrown;
  }
  const { POD_NAME: name, POD_NAMESPACE: namespace, POD_IP: ip } = parsedEnv.data;
  return { ...parsedFlags.data, pod: { name, namespace, ip } };
}

function flagName(path: readonly PropertyKey[]): string {
  return path.map((part) => String(part).replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)).join('.');
}
