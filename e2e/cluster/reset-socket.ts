/**
 * Ending a connection with a reset (RST), where that is possible.
 */
import type { Socket } from 'node:net';

/**
 * Resets a connection, or ends it when it is not made yet or its end is on the way: then the kernel has been asked to shut it down, libuv refuses to reset it
 * (EINVAL), and Node believes it closed all the same: the descriptor stays, and the process spins for ever when it is to exit (seen with Node 24.21).
 */
export function resetSocket(socket: Socket): void {
  const ending = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || ending) socket.destroy();
  else socket.resetAndDestroy();
}
