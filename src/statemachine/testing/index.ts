/** statemachine/testing: a small machine of each kind, replicas that run it, and what clients saw of them. */
export { ClientHistory, cutLog } from './history.ts';
export { DiskList } from './disk-list.ts';
export { EVEN, FiledList, ODD } from './filed-list.ts';
export { ListMachine, POISON } from './list-machine.ts';
export { RegularList } from './regular-list.ts';
export {
  TestReplica,
  until,
  withReplicas,
  withReplicasOf,
  type PromoteOptions,
  type StartReplica,
} from './replica.ts';
export { checkCuts, checkHistories } from './whole-history.ts';
