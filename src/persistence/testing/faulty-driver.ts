/**
 * faulty-driver: a driver before another one that loses statements or their answers, as a network does.
 */
import type { SqlDriver } from '../sql-driver.ts';

/** What befalls the next statement that changes something; `after` runs before the caller hears of it. */
export type DriverFault =
  | 'lose-statement'
  | 'lose-answer'
  | { readonly kind: 'lose-statement' | 'lose-answer'; readonly after: () => Promise<unknown> };

export function faultyDriver(driver: SqlDriver): {
  readonly driver: SqlDriver;
  readonly next: DriverFault[];
} {
  const next: DriverFault[] = [];
  return {
    next,
    driver: {
      ...driver,
      run: async (sql, parameters) => {
        const fault = next.shift();
        if (fault === undefined) return await driver.run(sql, parameters);
        const { kind, after } = typeof fault === 'string' ? { kind: fault, after: undefined } : fault;
        if (kind === 'lose-answer') await driver.run(sql, parameters);
        await after?.();
        throw Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' });
      },
    },
  };
}
