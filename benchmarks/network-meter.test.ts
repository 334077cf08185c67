import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { NetworkMeter } from './network-meter.js';

test('counts what sockets of both sides carry, while they are open and when they are closed', async () => {
  const meter = NetworkMeter.start();
  const server = net.createServer((socket) => {
    // As the engine's listener does: another socket goes on with its handle.
    const owner = socket as unknown as { _handle: unknown };
    const handle = owner._handle;
    owner._handle = null;
    const other = new net.Socket({ handle } as unknown as net.SocketConstructorOpts);
    other.on('data', (bytes) => other.write(Buffer.concat([bytes, bytes])));
    // The server counts its connections by the sockets that it made.
    other.once('close', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect({ port: (server.address() as net.AddressInfo).port });
  client.write(Buffer.alloc(1_000));
  let answered = 0;
  await new Promise<void>((resolve) => {
    client.on('data', (bytes) => {
      answered += bytes.length;
      if (answered === 2_000) resolve();
    });
  });
  // The client's 1,000 and the server's 2,000, each sent by one side and received by the other.
  const whole = { receivedBytes: 3_000, sentBytes: 3_000 };
  expect(meter.totals()).toEqual(whole);
  client.end();
  await once(client, 'close');
  server.close();
  await once(server, 'close');
  expect(meter.totals()).toEqual(whole);
});
