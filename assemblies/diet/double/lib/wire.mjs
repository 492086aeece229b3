/**
 * The double's own protocol: a connection carries one request and one reply, each a line of JSON.
 * @typedef {{ host: string, port: number, key: string }} Reference  where an element listens, and its name there
 */
import { connect, createServer } from 'node:net';

/**
 * Sends one request and gives the reply back. Rejects when nobody listens, nobody answers in time, or the answer is not in this protocol.
 * @param {{ host: string, port: number }} to
 * @param {object} request
 */
export function ask(to, request, timeoutMs = 5_000) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.host, port: to.port });
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`${to.host}:${to.port} does not answer`)));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (piece) => { text += piece; });
    socket.on('error', reject);
    socket.on('close', () => {
      try {
        resolve(JSON.parse(text));
      } catch {
        reject(new Error(`${to.host}:${to.port} does not speak the double's protocol`));
      }
    });
  });
}

/**
 * Answers requests on an address until the process ends. Rejects when the address is taken.
 * @param {{ host?: string | undefined, port: number }} at
 * @param {(request: any) => object | Promise<object>} answer
 */
export function listen(at, answer) {
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', async (piece) => {
      text += piece;
      // A real omniORB program that finds a double gets its connection closed instead of waiting for ever.
      if (!text.startsWith('{')) return socket.destroy();
      if (!text.endsWith('\n')) return;
      try {
        socket.end(JSON.stringify(await answer(JSON.parse(text))));
      } catch {
        socket.destroy();
      }
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: at.port, ...(at.host === undefined ? {} : { host: at.host }) }, () => resolve(server));
  });
}
