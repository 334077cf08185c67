import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from './tcp-proxy.js';

let echo: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];
const accepted = new Set<Socket>();

beforeEach(async () => {
  echo = createServer((socket) => {
    accepted.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => accepted.delete(socket));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  proxy = await TcpProxy.listen();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => echo.close(resolve));
});

function forward(): Promise<void> {
  const { port } = echo.address() as { port: number };
  return proxy.forwardTo('127.0.0.1', port);
}

function request(clientId: string): Buffer {
  const bytes = Buffer.alloc(14 + clientId.length);
  bytes.writeInt32BE(bytes.length - 4, 0);
  bytes.writeInt16BE(clientId.length, 12);
  bytes.write(clientId, 14);
  return bytes;
}

/** A connection that has sent its first request. */
function dial(clientId: string) {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.push(socket);
  let received = 0;
  let isClosed = false;
  socket.on('data', (data: Buffer) => {
    received += data.length;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
  });
  socket.write(request(clientId));
  return { socket, received: () => received, isClosed: () => isClosed };
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!isSo() && performance.now() < endMs) await new Promise((done) => setTimeout(done, 5));
  expect(isSo()).toBe(true);
}

const nothingFor = (ms: number) => new Promise((done) => setTimeout(done, ms));

describe('TcpProxy', () => {
  it('passes bytes both ways, the first request included', async () => {
    await forward();
    const link = dial('a-client');
    await until(() => link.received() === 22);
    link.socket.write(Buffer.alloc(100_000));
    await until(() => link.received() === 100_022);
  });

  it('refuses while it has nowhere to go, and keeps what it has', async () => {
    await until(dial('a').isClosed);
    await forward();
    const kept = dial('b');
    await until(() => kept.received() === 15);
    proxy.refuse();
    await until(dial('c').isClosed);
    kept.socket.write('more');
    await until(() => kept.received() === 19);
    await forward();
    const late = dial('d');
    await until(() => late.received() === 15);
  });

  it('a header in pieces is one header', async () => {
    await forward();
    proxy.setFates((id) => (id === 'abc' ? 'pass' : 'reset'));
    const socket = connect(proxy.port, '127.0.0.1');
    sockets.push(socket);
    let received = 0;
    socket.on('data', (data: Buffer) => {
      received += data.length;
    });
    for (const byte of request('abc')) {
      socket.write(Buffer.of(byte));
      await nothingFor(1);
    }
    await until(() => received === 17);
  });

  it('resets those that are to be cut, those that come later too, and no others', async () => {
    await forward();
    const cut = dial('cut');
    const kept = dial('kept');
    await until(() => cut.received() > 0 && kept.received() > 0);
    proxy.setFates((id) => (id === 'cut' ? 'reset' : 'pass'));
    await until(cut.isClosed);
    await until(dial('cut').isClosed);
    kept.socket.write('more');
    await until(() => kept.received() === 18 + 4);
  });

  it('holds the bytes of the silent back and lets them go on when it heals', async () => {
    await forward();
    const link = dial('quiet');
    await until(() => link.received() === 19);
    proxy.setFates(() => 'silent');
    const late = dial('late');
    link.socket.write('held');
    await nothingFor(50);
    expect([link.received(), late.received()]).toEqual([19, 0]);
    expect(link.isClosed() || late.isClosed()).toBe(false);
    proxy.setFates(() => 'pass');
    await until(() => link.received() === 23 && late.received() === 18);
  });

  it('a side that closes closes the other', async () => {
    await forward();
    const link = dial('a');
    await until(() => link.received() > 0);
    for (const socket of accepted) socket.destroy();
    await until(link.isClosed);
    const other = dial('b');
    await until(() => accepted.size === 1);
    other.socket.destroy();
    await until(() => accepted.size === 0);
    await until(() => proxy.connections === 0);
  });
});
