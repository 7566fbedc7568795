/**
 * store/testing: a store in memory, any store behind a failing network or telling lies, and the contract that every adapter has to meet.
 * Free of any test framework, so that simulations run from the command line too.
 */
export { MemoryStore } from '../memory.ts';
export { adversary, ROUGH_WEATHER, type AdversaryOptions } from './adversary.ts';
export { STORE_CONTRACT, storeContract, type TestFramework } from './contract.ts';
export type { ContractCase } from './contract-case.ts';
export type { ActiveRule, Fault, FaultRule, StoreEvent, StoreOperation } from './faults.ts';
export { FaultyStore, type FaultyStoreOptions, type Latency } from './faulty-store.ts';
export { LIES, NAMED_BY, type Lie } from './lies.ts';
