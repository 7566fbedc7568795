/** statemachine/testing: a small machine and replicas that run it. */
export { ListMachine, POISON } from './list-machine.ts';
export { TestReplica, until, withReplicas, type PromoteOptions } from './replica.ts';
