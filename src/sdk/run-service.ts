/**
 * A service of one's own as the process in a shard's pod: what `holdfast agent` is for the services of Holdfast's image.
 *
 * R1  Its settings are the environment that the operator gives every pod of a shard; its log level and format are HOLDFAST_LOG_LEVEL and HOLDFAST_LOG_FORMAT.
 * R2  The process ends with the agent's exit code (src/api EXIT), whatever still holds the event loop.
 */
import { startAgent } from '../agent/index.ts';
import { EXIT } from '../api/index.ts';
import { createLogger, stopSignal, type Logger, type LogLevel } from '../base/index.ts';
import { machineApplication, type MachineApplicationOptions } from '../service/index.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Runs the service until it is asked to stop, or can go on no more; then ends the process. */
export async function runService<Query, Answer, View>(
  options: MachineApplicationOptions<Query, Answer, View>,
): Promise<never> {
  const log = loggerOf(process.env);
  const signal = stopSignal(log, EXIT.internal);
  const application = machineApplication(options);
  process.exit(await startAgent({ env: process.env, application, log, signal })); // R2
}

/** R1; what is not known is the default. */
function loggerOf(env: NodeJS.ProcessEnv): Logger {
  const level = LEVELS.find((each) => each === env['HOLDFAST_LOG_LEVEL']) ?? 'info';
  return createLogger({ level, format: env['HOLDFAST_LOG_FORMAT'] === 'text' ? 'text' : 'json' });
}
