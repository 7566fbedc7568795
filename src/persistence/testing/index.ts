/** persistence/testing: what every backend has to do, and an object that fails on command. */
export { CONFORMANCE, type ConformanceCase } from './conformance.ts';
export { ScriptedObject, type ObjectFault } from './scripted-object.ts';
