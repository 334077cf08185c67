// The load client of NATS: its own JavaScript client, and ready protocol bytes over a socket.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { RawSocket } from './raw-socket.js';

const STREAM_LIMIT_MS = 30_000;
/** Of each request; the client's own five seconds are short for a busy machine. */
const TIMEOUT = { timeout: 30_000 };
const CONSUME_MESSAGES = 10_000;

/** @returns {Promise<import('./load.js').LoadClient>} */
export async function open({ servers, replicas }) {
  const portOf = (/** @type {string} */ name) => servers.find((one) => one.name === name).port;
  const dial = (/** @type {number} */ port) =>
    connect({ servers: `127.0.0.1:${port}`, reconnect: false, timeout: TIMEOUT.timeout });
  let connection = await dial(servers[0].port);
  let leaderPort = servers[0].port;
  /** @type {RawSocket[]} */ const sockets = [];

  /** Talks to the stream's leader, as Kafka's clients do with a partition's. */
  const moveTo = async (/** @type {number} */ port) => {
    if (port === leaderPort) return;
    await connection.close();
    connection = await dial(port);
    leaderPort = port;
  };

  const createLog = async (/** @type {string} */ log) => {
    const deadline = Date.now() + STREAM_LIMIT_MS;
    for (;;) {
      try {
        const manager = await jetstreamManager(connection, TIMEOUT);
        const { cluster } = await manager.streams.add({
          name: log,
          subjects: [log],
          storage: 'file',
          num_replicas: replicas,
        });
        return await moveTo(replicas > 1 ? portOf(await leaderOf(log, cluster)) : leaderPort);
      } catch (error) {
        // Servers that have not found each other yet cannot hold a replica.
        if (Date.now() > deadline) throw error;
        await sleep(50);
      }
    }
  };
  const leaderOf = async (
    /** @type {string} */ log,
    /** @type {{ leader?: string } | undefined} */ cluster,
  ) => {
    if (cluster?.leader) return cluster.leader;
    const { cluster: now } = await (await jetstreamManager(connection, TIMEOUT)).streams.info(log);
    if (!now?.leader) throw new Error(`stream ${log} has no leader yet`);
    return now.leader;
  };

  const expect = (/** @type {number} */ seq, /** @type {number} */ expected) => {
    if (seq !== expected) {
      throw new Error(`acknowledged up to record ${seq}, published up to ${expected}`);
    }
  };

  const publishers = {
    // One publisher, one stream: when the last of a batch is acknowledged with the number it must have, all before
    // it are stored. The client is spared an inbox and a promise for each record.
    client: async (/** @type {string} */ log, /** @type {Buffer[][]} */ batches) => {
      const js = jetstream(connection, TIMEOUT);
      const batchRecords = batches[0].length;
      return async (/** @type {number} */ at) => {
        const batch = batches[at];
        for (let i = 0; i < batch.length - 1; i += 1) connection.publish(log, batch[i]);
        const { seq } = await js.publish(log, batch[batch.length - 1]);
        expect(seq, (at + 1) * batchRecords);
      };
    },
    'client, ack each': async (/** @type {string} */ log, /** @type {Buffer[][]} */ batches) => {
      const js = jetstream(connection, TIMEOUT);
      return async (/** @type {number} */ at) => {
        await Promise.all(batches[at].map((value) => js.publish(log, value)));
      };
    },
    ready: async (/** @type {string} */ log, /** @type {Buffer[][]} */ batches) => {
      const batchRecords = batches[0].length;
      const inbox = `_INBOX.bench${process.pid}.${log}`;
      const ready = batches.map((batch, at) => encode(log, `${inbox}.${at}`, batch));
      /** @type {Map<number, (seq: number) => void>} */ const waiting = new Map();
      let answered = 0;
      const socket = new RawSocket(
        leaderPort,
        (bytes, start, end) => {
          const line = bytes.toString('latin1', start, end);
          if (line.startsWith('-ERR')) throw new Error(`NATS answered ${line}`);
          if (line === 'PING') socket.write('PONG\r\n');
          if (line === 'PONG') waiting.get(-1)?.(0);
          if (!line.startsWith('MSG ')) return 0;
          // MSG subject sid [reply-to] bytes, the server leaves two spaces where no reply is.
          const fields = line.trim().split(/ +/);
          const [subject = '', length] = [fields[1], fields[fields.length - 1]];
          answered = Number(subject.slice(subject.lastIndexOf('.') + 1));
          return Number(length) + 2;
        },
        (bytes, start, end) => {
          const { seq, error } = JSON.parse(bytes.toString('utf8', start, end));
          if (error !== undefined) throw new Error(`NATS answered ${JSON.stringify(error)}`);
          waiting.get(answered)?.(seq);
          waiting.delete(answered);
        },
      );
      sockets.push(socket);
      await socket.connected();
      await socket.wait((resolve) => {
        waiting.set(-1, resolve);
        socket.write(
          `CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1"}\r\nSUB ${inbox}.* 1\r\nPING\r\n`,
        );
      });
      return async (/** @type {number} */ at) => {
        const seq = await socket.wait((resolve) => {
          waiting.set(at, resolve);
          socket.write(ready[at]);
        });
        expect(seq, (at + 1) * batchRecords);
      };
    },
  };

  return {
    createLog,
    deleteLog: async (log) => {
      await (await jetstreamManager(connection, TIMEOUT)).streams.delete(log);
    },
    publisher: (mode, log, batches) => publishers[mode](log, batches),
    publishOne: async (log, value) => {
      await jetstream(connection, TIMEOUT).publish(log, value);
    },
    async subscribe(log, visit, fail) {
      // An ordered consumer: no acknowledgements, as the others here commit nothing.
      const consumer = await jetstream(connection, TIMEOUT).consumers.get(log);
      const messages = await consumer.consume({
        max_messages: CONSUME_MESSAGES,
        callback: ({ data }) => visit(data),
      });
      messages.closed().then((error) => {
        if (error instanceof Error) fail(error);
      }, fail);
      return {
        stop: async () => {
          await messages.close();
        },
      };
    },
    async close() {
      for (const socket of sockets) socket.close();
      await connection.close();
    },
  };
}

/** A batch as a publisher's bytes; only the last record asks for an acknowledgement. */
function encode(
  /** @type {string} */ subject,
  /** @type {string} */ reply,
  /** @type {Buffer[]} */ values,
) {
  const end = Buffer.from('\r\n');
  return Buffer.concat(
    values.flatMap((value, i) => {
      const to = i === values.length - 1 ? ` ${reply}` : '';
      return [Buffer.from(`PUB ${subject}${to} ${value.length}\r\n`), value, end];
    }),
  );
}
