import net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FrameReader } from './frame-reader.js';

/** Received at most by one read of a socket where no frame has begun. */
const SHARED_BYTES = 64 * 1024;

/**
 * Where sockets receive to until they know how large a frame is. One for all: what is in it is taken out
 * before the event loop can receive anything else.
 */
let shared: Buffer | undefined;

/** What `receive` calls, always from the event loop, never from within itself. */
export interface Receiver {
  readonly reader: FrameReader;
  /** Hands bytes to the reader by `take`, which throws what the reader throws. */
  received(take: () => void): void;
}

interface AcceptedSocket {
  _handle: { readonly useUserBuffer?: unknown; readonly writeQueueSize?: number } | null;
}

/**
 * Makes `accepted`, which must not have been read from, receive into the reader's own memory, and gives the
 * socket to use in its place. The socket is not paused.
 *
 * Node has this (`onread`) for sockets that connect and for sockets made around a handle, but not for sockets
 * that a server accepted; so a new socket is made around the accepted one's handle. Where that is not to be
 * had, and with TLS, data comes in chunks and large frames are copied once more (decision 0006).
 */
export function receive(accepted: net.Socket, receiver: Receiver): net.Socket {
  const { reader } = receiver;
  const owner = accepted as unknown as AcceptedSocket;
  const handle = owner._handle;
  if (accepted instanceof TLSSocket || typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', (chunk: Buffer) => {
      receiver.received(() => reader.push(chunk, true));
    });
    return accepted;
  }
  owner._handle = null;
  const options = { handle, allowHalfOpen: true, onread: onreadOf(receiver) };
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
  // The server counts its connections by the sockets it made.
  socket.once('close', () => accepted.destroy());
  return socket;
}

/** The option of a new socket by which it receives into the reader's memory. */
export function onreadOf(receiver: Receiver): net.OnReadOpts {
  const { reader } = receiver;
  shared ??= Buffer.allocUnsafeSlow(SHARED_BYTES);
  const anywhere = shared;
  let into: Buffer = anywhere;
  let count = 0;
  // One closure per connection, not per read.
  const take = (): void => {
    if (into === anywhere) reader.push(anywhere.subarray(0, count), false);
    else reader.received(count);
  };
  return {
    buffer: () => {
      into = reader.space() ?? anywhere;
      return into;
    },
    callback: (bytes) => {
      count = bytes;
      receiver.received(take);
      return true;
    },
  };
}

/** What the system has not taken yet. It falls while a client reads, however large a single write is. */
export function unsentBytes(socket: net.Socket): number {
  const { _handle } = socket as unknown as AcceptedSocket;
  return _handle?.writeQueueSize ?? socket.writableLength;
}
