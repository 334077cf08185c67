// Kafka's Java producer, consumer and admin, driven from Node: one JVM, commands and answers as JSON lines.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { javaArguments } from './kafka.mjs';

/** @typedef {{ key: string, value: string | null }} Header  value in base64 */
/** @typedef {{ offset: number, timestamp: number, key: string | null, value: string | null, headers: Header[] }} ConsumedRecord */

export class KafkaClient {
  /** @type {{ resolve: (value: any) => void, reject: (error: Error) => void }[]} */
  #waiting = [];
  #child;
  #ended;

  /** @param {import('./kafka.mjs').Kafka} kafka @param {string} bootstrap host:port, or "-" to read files only */
  constructor(kafka, bootstrap) {
    this.#child = spawn('java', javaArguments(kafka, 'KafkaClient', [bootstrap], 'error'), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Writing to a JVM that died gives EPIPE; the close event below tells the callers.
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line);
      const caller = this.#waiting.shift();
      if (answer.error === undefined) caller?.resolve(answer.result);
      else caller?.reject(new Error(`Kafka client: ${answer.error}`));
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (status) => {
        for (const { reject } of this.#waiting.splice(0))
          reject(new Error(`the Kafka client ended with status ${status}`));
        resolve(undefined);
      });
    });
  }

  /**
   * @param {string} command @param {object} [fields]
   * @returns {Promise<any>}
   */
  call(command, fields = {}) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ command, ...fields })}\n`);
    });
  }

  /** Ends without aborting open transactions. */
  async close() {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await this.#ended;
    clearTimeout(timer);
  }
}
