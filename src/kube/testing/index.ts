/** kube/testing: an API server that misbehaves on command. */
export {
  found,
  refusal,
  RESET,
  ScriptedServer,
  SILENCE,
  type Script,
  type SeenRequest,
} from './scripted-server.ts';
