/**
 * Runs first in every Node program of a process node's pod (node --import): makes connections take the road a pod's
 * packets would take, through the gateway of its node, where the harness can cut them (gateway.ts).
 *
 * HOLDFAST_POD_NETWORK names the pod's own address, the third octet's gateway net, and the known servers.
 *
 * 1. Only the address that is dialled changes: TLS names, Host headers and everything above see what the program asked for.
 * 2. Pods (10.244.a.b, and 127.244.a.b as they call themselves) are dialled at <gateway>.a.b; the pod's own addresses go
 *    direct, as loopback inside a pod does.
 * 3. The pod's own address is the source, so the gateway knows who dials.
 */
import net from 'node:net';

const config = JSON.parse(process.env.HOLDFAST_POD_NETWORK ?? 'null');
const POD_ADDRESS = /^(?:10|127)\.244\.(\d{1,3}\.\d{1,3})$/;

/** The gateway's address for a destination, or undefined when it is reached directly. */
function viaGateway(host, port) {
  const pod = POD_ADDRESS.exec(host);
  if (pod !== null) return pod[1] === config.self ? `127.244.${pod[1]}` : `${config.gateway}.${pod[1]}`;
  const plain = host === 'localhost' ? '127.0.0.1' : host;
  return config.servers[`${plain}:${port}`];
}

if (config !== null) {
  // oxlint-disable-next-line typescript/unbound-method -- called with the socket as `this` below
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    // net.connect() hands over its already sorted arguments as one array: [options, callback].
    const [first, second] = Array.isArray(args[0]) ? args[0] : args;
    let options = first;
    let callback = second;
    if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))) {
      options = { port: first, host: typeof second === 'string' ? second : 'localhost' };
      callback = args.find((arg) => typeof arg === 'function');
    }
    if (typeof options !== 'object' || options === null || options.path || options.port === undefined) {
      return connect.apply(this, args);
    }
    const address = viaGateway(options.host ?? 'localhost', options.port);
    if (address === undefined) return connect.apply(this, args);
    const routed = { ...options, host: address, localAddress: `127.244.${config.self}` };
    return typeof callback === 'function' ? connect.call(this, routed, callback) : connect.call(this, routed);
  };
}
