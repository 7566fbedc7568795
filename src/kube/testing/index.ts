/** kube/testing: an API server that misbehaves on command, and a time that passes on command. */
export {
  found,
  refusal,
  RESET,
  ScriptedServer,
  SILENCE,
  type Script,
  type SeenRequest,
} from './scripted-server.ts';
export { StillClock, until } from './still-clock.ts';
