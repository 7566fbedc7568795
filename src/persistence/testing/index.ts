/** persistence/testing: what every backend has to do, and objects, servers and databases that fail on command. */
export { CONFORMANCE, type ConformanceCase } from './conformance.ts';
export { faultyDriver, type DriverFault } from './faulty-driver.ts';
export { LOST_ANSWER, LOST_REQUEST, ObjectServer, type WireFault } from './object-server.ts';
export { MemoryObjects } from './memory-objects.ts';
export { ScriptedObject, type ObjectFault } from './scripted-object.ts';
