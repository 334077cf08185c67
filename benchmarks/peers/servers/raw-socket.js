import { once } from 'node:events';
import { connect } from 'node:net';

const CR = 13;
const LF = 10;

/**
 * A connection that is given ready bytes and hands on whole lines. A failure of it rejects whatever waits.
 * `onLine` gets the bytes from `start` to `end` without their line end; it may return how many bytes of a body, line
 * end included, follow before the next line, and then gets the body through `onBody`.
 */
export class RawSocket {
  #socket;
  #onLine;
  #onBody;
  /** @type {Buffer} */ #rest = Buffer.alloc(0);
  #bodyBytes = 0;
  /** @type {Error | null} */ #failure = null;
  /** @type {Set<(error: Error) => void>} */ #waiting = new Set();

  /**
   * @param {number} port on 127.0.0.1
   * @param {(bytes: Buffer, start: number, end: number) => number} onLine
   * @param {(bytes: Buffer, start: number, end: number) => void} [onBody]
   */
  constructor(port, onLine, onBody = () => {}) {
    this.#onLine = onLine;
    this.#onBody = onBody;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk) => {
      try {
        this.#take(chunk);
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  async connected() {
    if (this.#socket.connecting) await once(this.#socket, 'connect');
  }

  write(/** @type {Buffer | string} */ bytes) {
    this.#socket.write(bytes);
  }

  /** A promise that also ends with the connection. @template T @param {(resolve: (value: T) => void) => void} start @returns {Promise<T>} */
  wait(start) {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      this.#waiting.add(reject);
      start((value) => {
        this.#waiting.delete(reject);
        resolve(value);
      });
    });
  }

  close() {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #take(/** @type {Buffer} */ chunk) {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      if (this.#bodyBytes > 0) {
        if (bytes.length - at < this.#bodyBytes) break;
        this.#onBody(bytes, at, at + this.#bodyBytes - 2);
        at += this.#bodyBytes;
        this.#bodyBytes = 0;
      }
      const end = bytes.indexOf(LF, at);
      if (end === -1) break;
      this.#bodyBytes = this.#onLine(bytes, at, bytes[end - 1] === CR ? end - 1 : end);
      at = end + 1;
    }
    this.#rest = bytes.subarray(at);
  }

  #fail(/** @type {Error} */ error) {
    this.#failure ??= error;
    for (const reject of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
    this.#socket.destroy();
  }
}
