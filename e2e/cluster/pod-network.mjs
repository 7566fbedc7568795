/**
 * Runs first in every Node program of a process node's pod (node --import): makes connections take the road a pod's
 * packets would take, through the gateway of its node, where the harness can cut them (gateway.ts).
 *
 * HOLDFAST_POD_NETWORK names the pod's own last two octets, the first two of pods and of the node's gateway, and the known servers.
 *
 * 1. Only the address that is dialled changes: TLS names, Host headers and everything above see what the program asked for.
 * 2. Pods (10.244.a.b, and <pods>.a.b as they call themselves) are dialled at <gateway>.a.b; the pod's own addresses go
 *    direct, as loopback inside a pod does.
 * 3. The pod's own address is the source, so the gateway knows who dials.
 */
import net from 'node:net';

const config = JSON.parse(process.env.HOLDFAST_POD_NETWORK ?? 'null');

/** The last two octets of a pod's address, in either of its forms. */
function podOctets(host) {
  const net = ['10.244.', `${config.pods}.`].find((prefix) => host.startsWith(prefix));
  return net === undefined ? undefined : host.slice(net.length);
}

/** The gateway's address for a destination, or undefined when it is reached directly. */
function viaGateway(host, port) {
  const pod = podOctets(host);
  if (pod !== undefined) return pod === config.self ? `${config.pods}.${pod}` : `${config.gateway}.${pod}`;
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
    const routed = { ...options, host: address, localAddress: `${config.pods}.${config.self}` };
    return typeof callback === 'function' ? connect.call(this, routed, callback) : connect.call(this, routed);
  };
}
