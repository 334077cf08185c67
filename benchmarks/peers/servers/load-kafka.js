// The load client of varve and Kafka: @platformatic/kafka, and ready record batches through varve's wire client.
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, Producer } from '@platformatic/kafka';
import {
  BatchOptions,
  batchSizeBound,
  writeBatch,
} from '../../../dist/engine/format/batch-writer.js';
import { WireClient } from '../../../dist/engine/wire/index.js';
import { KafkaJsAdmin } from '../../kafka/admin.mjs';

const PRODUCE_VERSION = 9;
const MAX_WAIT_MS = 500;
/** Brokers hear of a new topic one after the other; the first group of a cluster waits for the topic of its offsets. */
const PATIENCE = { retries: 150, retryDelay: 200 };
const LEADER_LIMIT_MS = 30_000;

/** @returns {Promise<import('./load.js').LoadClient>} */
export async function open({ address, nodes, acks, replicas, topicConfigs }) {
  const base = { clientId: 'bench', bootstrapBrokers: address.split(','), ...PATIENCE };
  const admin = new KafkaJsAdmin(address);
  // Not idempotent: sends that are on their way at once give their batches the same first sequence number in this client
  // (1.35.0), so that any broker takes the later ones for repetitions and stores one of them.
  const producer = new Producer(base);
  /** @type {WireClient[]} */ const wires = [];
  let groups = 0;
  // Topic names are never used again: a deletion may still be on its way.
  const suffix = `${process.pid}-${Date.now()}`;
  const topicOf = (/** @type {string} */ log) => `${log}-${suffix}`;
  const send = async (
    /** @type {{ topic: string, value: Buffer, partition: number }[]} */ messages,
  ) => {
    await producer.send({ messages, acks });
  };

  const publishers = {
    client: async (/** @type {string} */ topic, /** @type {Buffer[][]} */ batches) => {
      return (/** @type {number} */ at) =>
        send(batches[at].map((value) => ({ topic, value, partition: 0 })));
    },
    ready: async (/** @type {string} */ topic, /** @type {Buffer[][]} */ batches) => {
      const ready = batches.map(encode);
      const leader = await leaderOf(admin, topic);
      const [host, port] = nodes.find(({ id }) => id === leader).address.split(':');
      const wire = new WireClient({ host, port: Number(port), clientId: 'bench' });
      wires.push(wire);
      return async (/** @type {number} */ at) => {
        const { responses } = await wire.request('Produce', PRODUCE_VERSION, {
          acks,
          timeoutMs: 30_000,
          topicData: [{ name: topic, partitionData: [{ index: 0, records: ready[at] }] }],
        });
        const { errorCode } = responses[0].partitionResponses[0];
        if (errorCode !== 0) throw new Error(`Produce answered error ${errorCode}`);
      };
    },
  };

  return {
    createLog: (log) => admin.createTopic(topicOf(log), 1, replicas, topicConfigs),
    deleteLog: (log) => admin.deleteTopic(topicOf(log)),
    publisher: (mode, log, batches) => publishers[mode](topicOf(log), batches),
    publishOne: (log, value) => send([{ topic: topicOf(log), value, partition: 0 }]),
    async subscribe(log, visit, fail) {
      groups += 1;
      const consumer = new Consumer({
        ...base,
        groupId: `bench-${suffix}-${groups}`,
      });
      const stream = await consumer.consume({
        topics: [topicOf(log)],
        mode: 'earliest',
        autocommit: false,
        // Closing waits for the fetch under way.
        maxWaitTime: MAX_WAIT_MS,
      });
      stream.on('data', ({ value }) => visit(value));
      stream.on('error', fail);
      return {
        stop: async () => {
          await stream.close();
          await consumer.close();
        },
      };
    },
    async close() {
      for (const wire of wires) wire.close();
      await producer.close();
      await admin.close();
    },
  };
}

async function leaderOf(/** @type {KafkaJsAdmin} */ admin, /** @type {string} */ topic) {
  const deadline = Date.now() + LEADER_LIMIT_MS;
  for (;;) {
    try {
      return await admin.leaderOf(topic);
    } catch (error) {
      // The broker that was asked may not know of the topic yet.
      if (Date.now() > deadline) throw error;
      await sleep(20);
    }
  }
}

function encode(/** @type {Buffer[]} */ values) {
  const records = values.map((value) => ({ value }));
  const target = Buffer.alloc(batchSizeBound(records, 0, records.length));
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  const options = new BatchOptions();
  options.now = Date.now();
  return target.subarray(0, writeBatch(target, view, 0, records, 0, records.length, options));
}
