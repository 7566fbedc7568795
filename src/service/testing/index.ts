/**
 * For tests: replicas and logs that do what they are told.
 */
export { NoteMachine } from './note-machine.ts';
export { ServiceProcess } from './process.ts';
export { ScriptedLog, ScriptedReplica, scriptedFactory, type ScriptedMachine } from './scripted-replica.ts';
