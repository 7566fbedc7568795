/**
 * The operator and the misfortune of a simulated world: who is primary, and what becomes of the processes. It decides from what it sees and is often
 * wrong: it promotes others while a primary is well, and believes dead who is merely slow.
 */
import { Volume } from '../../faults/disk/volume.ts';
import { Replica } from './replica.ts';
import type { KvWorld, Node } from './world.ts';

/** Most time between two looks of the operator, ms. */
const LOOK_MS = 1500;
/** Most time until a process that is over is followed by another one, ms. */
const RESTART_MS = 3000;
/** How likely at a look: a primary is killed, paused, told to hand over, or replaced although it is well; a standby dies. */
const KILLS = 0.08;
const PAUSES = 0.08;
const HANDS_OVER = 0.05;
const REPLACES = 0.05;
const STANDBY_DIES = 0.04;
const PAUSES_MS = [1000, 4000, 15_000] as const;
/** How likely a paused primary is replaced at once, and a new process begins from hints if there are any. */
const REPLACES_PAUSED = 0.7;
const FROM_HINTS = 0.6;
/** Looks that a new primary gets before it is given up for dead. */
const PATIENCE = 10;

/** One process after another at this place, until the world ends. */
export async function keepRunning(world: KvWorld, node: Node): Promise<void> {
  const random = world.random.fork();
  const disk = new Volume();
  for (let life = 1; world.clock.monotonicMs() < world.untilMs; life++) {
    const hints = random.chance(FROM_HINTS) ? world.hints?.hints : undefined;
    if (hints) world.tally.fromHints++;
    const replica = new Replica(world, `${node.name}.${life}`, { malice: world.malice, hints, disk });
    node.replica = replica;
    await replica.over;
    node.replica = undefined;
    disk.cutPower(() => random.chance(0.5)); // whatever is left there: the next process must not mind
    await world.clock.sleep(random.below(RESTART_MS));
  }
}

export async function operate(world: KvWorld): Promise<void> {
  const { clock, nodes, tally } = world;
  const random = world.random.fork();
  let patience = PATIENCE;
  const assignTo = (node: Node): void => {
    if (!node.replica) return;
    tally.promotions++;
    world.assignment = { term: ++world.term, node };
    node.replica.promote(world.term);
    patience = PATIENCE;
  };
  const assignElsewhere = (): void => {
    const others = nodes.filter((node) => node !== world.assignment?.node && node.replica);
    const ready = others.filter(({ replica }) => replica!.isTailing);
    if (others.length > 0) assignTo(random.pick(ready.length > 0 ? ready : others));
  };
  while (clock.monotonicMs() < world.untilMs) {
    await clock.sleep(random.below(LOOK_MS));
    const standbys = nodes.filter((node) => node !== world.assignment?.node && node.replica);
    if (standbys.length > 0 && random.chance(STANDBY_DIES)) {
      tally.standbysLost++;
      random.pick(standbys).replica!.kill();
    }
    const primary = world.assignment?.node.replica;
    const role = primary?.role;
    if (!primary || role === 'ended' || role === 'closed' || (role !== 'serving' && patience-- <= 0)) {
      assignElsewhere();
    } else if (random.chance(KILLS)) {
      tally.killed++;
      primary.kill();
    } else if (random.chance(PAUSES)) {
      tally.paused++;
      primary.connection.store.pause(random.pick(PAUSES_MS));
      if (random.chance(REPLACES_PAUSED)) assignElsewhere();
    } else if (role === 'serving' && random.chance(HANDS_OVER)) {
      primary.leave();
    } else if (random.chance(REPLACES)) assignElsewhere();
  }
}
