/**
 * base/testing: virtual time and seeded randomness, so that production code runs unchanged in the simulator.
 */
export { seededRandom, type SeededRandom } from './seeded-random.ts';
export { SimulationStalledError, VirtualClock } from './virtual-clock.ts';
