// A real single-node Kafka broker (KRaft) on free loopback ports over a given data directory.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { KafkaClient } from './client.mjs';
import { javaArguments, runJava } from './kafka.mjs';

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 60_000;

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Broker {
  /** @type {KafkaClient} */ client;
  /** @type {string} */ address;
  #child;
  #ended;

  /** @param {import('node:child_process').ChildProcess} child @param {string} address @param {KafkaClient} client */
  constructor(child, address, client) {
    this.#child = child;
    this.address = address;
    this.client = client;
    this.#ended = new Promise((resolve) => child.on('close', resolve));
  }

  /**
   * Starts a broker over `workDirectory`/data, formatting it the first time, and waits until it answers.
   * @param {import('./kafka.mjs').Kafka} kafka @param {string} workDirectory
   * @param {Record<string, string | number>} [settings]
   */
  static async start(kafka, workDirectory, settings = {}) {
    const [port, controllerPort] = [await freePort(), await freePort()];
    const data = path.join(workDirectory, 'data');
    const properties = path.join(workDirectory, 'server.properties');
    const lines = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': data,
      'offsets.topic.num.partitions': 1,
      'offsets.topic.replication.factor': 1,
      'transaction.state.log.num.partitions': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      'auto.create.topics.enable': false,
      // Fixed timestamps of years ago must not fall to retention.
      'log.retention.ms': -1,
      'log.cleaner.backoff.ms': 200,
      'log.cleaner.dedupe.buffer.size': 4 << 20,
      ...settings,
    };
    writeFileSync(
      properties,
      Object.entries(lines)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    if (!existsSync(path.join(data, 'meta.properties'))) {
      mkdirSync(data, { recursive: true });
      const clusterId = 'dmFydmUtY29uZm9ybWFuYw';
      const format = await runJava(kafka, 'kafka.tools.StorageTool', [
        'format',
        '-t',
        clusterId,
        '-c',
        properties,
      ]);
      if (format.status !== 0)
        throw new Error(`formatting the data directory failed:\n${format.stdout}${format.stderr}`);
    }

    const child = spawn('java', javaArguments(kafka, 'KafkaBroker', [properties]), {
      // stdin stays open as long as this process lives: the broker ends with it.
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (/** @type {Buffer} */ chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const address = `127.0.0.1:${port}`;
    const client = new KafkaClient(kafka, address);
    const broker = new Broker(child, address, client);
    const died = broker.#ended.then(() => {
      throw new Error(`the Kafka broker ended while starting:\n${output}`);
    });
    try {
      await Promise.race([died, ready(client)]);
    } catch (error) {
      await broker.stop('SIGKILL');
      throw new Error(`the Kafka broker did not start: ${error}\n${output}`);
    }
    died.catch(() => {});
    return broker;
  }

  /** SIGTERM is Kafka's clean shutdown; SIGKILL leaves the files as they are. */
  async stop(/** @type {'SIGTERM' | 'SIGKILL'} */ signal) {
    if (signal === 'SIGKILL') this.#child.kill(signal);
    await this.client.close();
    if (signal === 'SIGTERM') this.#child.kill(signal);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill('SIGKILL');
    }, STOP_LIMIT_MS);
    await this.#ended;
    clearTimeout(timer);
    if (late)
      throw new Error(`the Kafka broker did not stop within ${STOP_LIMIT_MS} ms of ${signal}`);
  }
}

async function ready(/** @type {KafkaClient} */ client) {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      return await client.call('ready');
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** The text of a checkpoint file in a data directory, empty when there is none. */
export function checkpoint(/** @type {string} */ workDirectory, /** @type {string} */ name) {
  const file = path.join(workDirectory, 'data', name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
