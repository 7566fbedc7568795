/**
 * Free TCP ports for servers that must be able to die and come back on the same port.
 *
 * 1. Ports come from below the kernel's ephemeral range: a port out of it could be given to somebody's outgoing
 *    connection while its server is dead, and the restart would then fail to bind.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';
import { HarnessError } from './errors.ts';

/** Ports below this one are where well-known services live. */
const LOWEST_PORT = 15_000;
/** Linux' default lower end of the ephemeral range, used where the kernel does not say. */
const DEFAULT_EPHEMERAL_LOW = 32_768;
/** With thousands of candidates, this many misses mean that something else is wrong. */
const ATTEMPTS = 200;

async function ephemeralLow(): Promise<number> {
  try {
    const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const low = Number.parseInt(range, 10);
    return low > LOWEST_PORT + ATTEMPTS ? low : DEFAULT_EPHEMERAL_LOW;
  } catch {
    return DEFAULT_EPHEMERAL_LOW; // not Linux: the usual range is as good a guess as any
  }
}

/** Whether somebody could listen there now. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** A port nobody listens on at `host` now, outside the ephemeral range. Throws HarnessError NO_FREE_PORT. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const high = await ephemeralLow();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST_PORT, high);
    if (await isFree(port, host)) return port;
  }
  throw new HarnessError('NO_FREE_PORT', `no free port between ${LOWEST_PORT} and ${high} on ${host}`);
}
