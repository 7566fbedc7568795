/**
 * The repository's own vectors, for tests that look into single ones.
 */
import { join } from 'node:path';
import { loadScenario, type Scenario } from './logs/scenario.ts';
import { VectorSource } from './source.ts';

export const GOLDEN: VectorSource = new VectorSource(join(import.meta.dirname, '..', 'golden'));

/** Names of the recorded logs. */
export function goldenScenarios(): Promise<string[]> {
  return GOLDEN.folders('logs');
}

/** A recorded log with its playbacks. */
export function goldenScenario(name: string): Promise<Scenario> {
  return loadScenario(GOLDEN, `logs/${name}`);
}
