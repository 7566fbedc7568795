/** persistence/testing: what every backend has to do, and objects of both kinds that fail on command. */
export { CONFORMANCE, type ConformanceCase } from './conformance.ts';
export { LOST_ANSWER, LOST_REQUEST, ObjectServer, type WireFault } from './object-server.ts';
export { MemoryObjects } from './memory-objects.ts';
export { ScriptedObject, type ObjectFault } from './scripted-object.ts';
