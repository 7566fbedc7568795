/**
 * What the commands that call a service share: a client of the endpoints, and texts of bytes.
 */
import type { Clock, Random } from '../../base/index.ts';
import { KvClient } from '../../kvstore/client/index.ts';
import { run, type Surroundings } from '../run.ts';

export interface Flags {
  readonly endpoint: readonly URL[];
  readonly timeoutMs?: number;
  readonly json?: boolean;
}
export interface ReadFlags extends Flags {
  readonly stale?: boolean;
}
export interface WriteFlags extends Flags {
  readonly requestId?: string;
  readonly ttlMs?: number;
}

/** What was asked for is not there, or did not match: an answer, not a failure. */
export const NOT_SO = 1;

/** Runs a command with a client; @returns the exit code. Never throws. */
export async function call(
  flags: Flags,
  command: (client: KvClient, surroundings: Surroundings) => Promise<number>,
): Promise<number> {
  return await run(flags.json ?? false, async (surroundings) => {
    const client = new KvClient({
      ...portsOf(surroundings),
      endpoints: flags.endpoint,
      timeoutMs: flags.timeoutMs,
    });
    try {
      return await command(client, surroundings);
    } finally {
      await client.close();
    }
  });
}

function portsOf({ clock, random }: Surroundings): { readonly clock: Clock; readonly random: Random } {
  return { clock, random };
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The same rule as in the HTTP API: text when the bytes are UTF-8, else base64. */
export function shown(name: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [name]: decoder.decode(bytes) };
  } catch {
    return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') };
  }
}

/** Bytes for a terminal: text when they are UTF-8, else base64 that says so. */
export function printed(bytes: Uint8Array): string {
  const [[name, text] = ['', '']] = Object.entries(shown('', bytes));
  return name === '' ? text : `base64:${text}`;
}
