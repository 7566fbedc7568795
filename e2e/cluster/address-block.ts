/**
 * The loopback addresses of one cluster, so that several stand side by side on a machine.
 *
 * Block b owns 127.<16b>.0.0 to 127.<16b+15>.255.255: the first /16 is for its pods, each following one for the gateway of a node.
 *
 * 1. A block belongs to one cluster at a time: whoever listens at its last pod address has it. The kernel gives it back however the
 *    harness ends, and knows of other network namespaces what a file would not.
 * 2. The search begins at a random block: the pods of a harness that died hard may need a moment to follow it.
 */
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { HarnessError } from './errors.ts';

/** Block 0 would hold 127.0.0.1. */
const FIRST_BLOCK = 1;
const LAST_BLOCK = 15;
const OCTETS_PER_BLOCK = 16;
/** Nodes that a block has gateways for. */
const MAX_NODES: number = OCTETS_PER_BLOCK - 1;
/** No pod has this address (pods end at 254), and no service is known to live at this port. */
const CLAIM_OCTETS = '255.254';
const CLAIM_PORT = 7_479;

/** A cluster's part of 127.0.0.0/8; see the header. */
export interface AddressBlock {
  /** First two octets of where pods listen, `127.16`. */
  readonly pods: string;
  /** First two octets of a node's gateway addresses; nodes count from 1. Throws HarnessError TOO_MANY_NODES. */
  gateway(node: number): string;
  /** Gives the block back. Idempotent. */
  release(): Promise<void>;
}

/** Takes a free block. Throws HarnessError NO_ADDRESS_BLOCK when fifteen clusters run already. */
export async function claimAddressBlock(): Promise<AddressBlock> {
  const blocks = LAST_BLOCK - FIRST_BLOCK + 1;
  const start = randomInt(blocks);
  for (let tried = 0; tried < blocks; tried += 1) {
    const block = await tryClaim(FIRST_BLOCK + ((start + tried) % blocks));
    if (block !== undefined) return block;
  }
  throw new HarnessError(
    'NO_ADDRESS_BLOCK',
    `all ${blocks} address blocks for clusters are taken on this machine; end a cluster first (port ${CLAIM_PORT} at 127.x.${CLAIM_OCTETS} tells who holds one)`,
  );
}

async function tryClaim(block: number): Promise<AddressBlock | undefined> {
  const first = block * OCTETS_PER_BLOCK;
  const claim = createServer((stranger) => stranger.destroy());
  claim.listen({ host: `127.${first}.${CLAIM_OCTETS}`, port: CLAIM_PORT, exclusive: true });
  try {
    await once(claim, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  claim.unref(); // an idle claim must not keep its harness from exiting
  return {
    pods: `127.${first}`,
    gateway(node) {
      if (node >= 1 && node <= MAX_NODES) return `127.${first + node}`;
      throw new HarnessError(
        'TOO_MANY_NODES',
        `a cluster has at most ${MAX_NODES} nodes; there is no node ${node}`,
      );
    },
    release: () => new Promise((resolve) => claim.close(() => resolve())),
  };
}
