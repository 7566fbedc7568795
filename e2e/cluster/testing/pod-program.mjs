/**
 * What the harness' own tests run inside pods: a small server that shows what the world looks like from there.
 *
 * HTTP on $POD_IP:8080 (JSON in, JSON out), a TCP echo on $POD_IP:9000. SIGTERM ends it politely unless $STUBBORN is set.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { spawn } from 'node:child_process';

const TIMEOUT_MS = 700;
const connections = [];
const host = process.env.POD_IP ?? '127.0.0.1';

/** Asks the API server as this pod: server, CA and token as its kubeconfig says. */
function askApi({ path, method = 'GET' }) {
  const kubeconfig = JSON.parse(readFileSync(process.env.KUBECONFIG, 'utf8'));
  const { server, 'certificate-authority': ca } = kubeconfig.clusters[0].cluster;
  const token = readFileSync(kubeconfig.users[0].user.tokenFile, 'utf8');
  return new Promise((resolve, reject) => {
    const options = {
      method,
      ca: readFileSync(ca),
      timeout: TIMEOUT_MS,
      headers: { authorization: `Bearer ${token}` },
    };
    const request = https.request(new URL(path, server), options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
    });
    request.on('timeout', () =>
      request.destroy(Object.assign(new Error('silence'), { name: 'TimeoutError' })),
    );
    request.on('error', reject);
    request.end();
  });
}

async function get({ url }) {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { connection: 'close' },
  });
  return { status: response.status, text: await response.text() };
}

/** Opens a TCP connection and keeps it; `connection` tells how it fares. */
function open({ host: to, port }) {
  const state = { open: true, received: '', error: null };
  const socket = net.connect({ host: to, port });
  socket.on('data', (chunk) => (state.received += chunk));
  socket.on('error', (error) => (state.error = error.code));
  socket.on('end', () => (state.error ??= 'FIN'));
  socket.on('close', () => (state.open = false));
  return { id: connections.push({ socket, state }) - 1 };
}

/** A system error's code, or the name of anything else (a DOMException's code is only a number). */
function nameOf(error) {
  const code = error.cause?.code ?? error.code;
  return typeof code === 'string' ? code : error.name;
}

const ACTIONS = {
  '/name': () => ({ name: process.env.POD_NAME }),
  '/process': () => ({ env: process.env, argv: process.argv.slice(2), cwd: process.cwd(), pid: process.pid }),
  '/read': ({ file }) => ({ text: readFileSync(file, 'utf8') }),
  '/list': ({ directory }) => ({ names: readdirSync(directory).sort() }),
  '/write': ({ file, text }) => writeFileSync(file, text),
  '/get': get,
  '/api': askApi,
  '/open': open,
  '/send': ({ id, text, times = 1 }) => void connections[id].socket.write(text.repeat(times)),
  '/connection': ({ id }) => connections[id].state,
  '/child': () => ({
    pid: spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }).pid,
  }),
  '/exit': ({ code }) => void setImmediate(() => process.exit(code)),
};

http
  // oxlint-disable-next-line typescript/no-misused-promises -- the handler answers every failure itself and never rejects
  .createServer(async (request, response) => {
    try {
      const url = new URL(request.url, 'http://pod');
      const input = url.searchParams.has('q') ? JSON.parse(url.searchParams.get('q')) : {};
      if (ACTIONS[url.pathname] === undefined) throw new Error(`no action ${url.pathname}`);
      response.end(JSON.stringify((await ACTIONS[url.pathname](input)) ?? {}));
    } catch (error) {
      response.statusCode = 500;
      response.end(JSON.stringify({ error: nameOf(error), message: error.message }));
    }
  })
  .listen(8080, host, () => console.log('serving'));
net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(9000, host);

process.on('SIGTERM', () => {
  console.log('asked to end');
  if (process.env.STUBBORN === undefined) process.exit(0);
});
