import { subscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import net from 'node:net';

/*
 * Bytes that this process receives and sends over TCP, its own sockets together: what no file of /proc has for one process
 * (`rchar` and `wchar` of /proc/PID/io have files in them too). Handles of sockets count for themselves; they are only
 * remembered here, and looked at when somebody asks and before they close.
 */

export interface NetworkTotals {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** What Node keeps below a socket, and hands on when one socket takes another's place. */
interface Handle {
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  close(callback?: () => void): void;
}

export class NetworkMeter {
  readonly #open = new Set<Handle>();
  #receivedBytes = 0;
  #sentBytes = 0;

  /** Counts sockets that are accepted or connected from now on, TLS on top of `net.connect` excepted: see {@link totals}. */
  static start(): NetworkMeter {
    const meter = new NetworkMeter();
    // Before whoever serves it, who may take its handle.
    const server: EventEmitter = net.Server.prototype;
    const { emit } = server;
    server.emit = function (this: EventEmitter, name: string | symbol, ...args: unknown[]) {
      if (name === 'connection') meter.#add(args[0]);
      return emit.call(this, name, ...args);
    };
    subscribe('net.client.socket', (message) => {
      const { socket } = message as { socket: net.Socket };
      socket.once('connect', () => meter.#add(socket));
    });
    return meter;
  }

  /** Since the start. Sockets that `tls.connect` makes are not in it. */
  totals(): NetworkTotals {
    let receivedBytes = this.#receivedBytes;
    let sentBytes = this.#sentBytes;
    for (const { bytesRead = 0, bytesWritten = 0 } of this.#open) {
      receivedBytes += bytesRead;
      sentBytes += bytesWritten;
    }
    return { receivedBytes, sentBytes };
  }

  #add(socket: unknown): void {
    const handle = (socket as { _handle?: Handle | null })._handle;
    if (handle === null || handle === undefined || this.#open.has(handle)) return;
    this.#open.add(handle);
    const close = handle.close.bind(handle);
    handle.close = (callback) => {
      if (this.#open.delete(handle)) {
        this.#receivedBytes += handle.bytesRead ?? 0;
        this.#sentBytes += handle.bytesWritten ?? 0;
      }
      close(callback);
    };
  }
}
