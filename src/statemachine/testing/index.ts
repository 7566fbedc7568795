/** statemachine/testing: a small machine, replicas that run it, and what clients saw of them. */
export { ClientHistory, cutLog } from './history.ts';
export { ListMachine, POISON } from './list-machine.ts';
export { TestReplica, until, withReplicas, type PromoteOptions, type StartReplica } from './replica.ts';
