// The load client of Redis: node-redis, and ready RESP bytes over a socket.
import { createClient, RESP_TYPES } from 'redis';
import { RawSocket } from './raw-socket.js';

const READ_COUNT = 1000;
const BLOCK_MS = 1000;
const CONNECT_LIMIT_MS = 30_000;
const FIELD = 'v';
const [ERROR, NUMBER, BULK] = Buffer.from('-:$');

/** @returns {Promise<import('./load.js').LoadClient>} */
export async function open({ port, replicas }) {
  const socket = {
    host: '127.0.0.1',
    port,
    connectTimeout: CONNECT_LIMIT_MS,
    reconnectStrategy: /** @type {const} */ (false),
  };
  // By default every command gets a timer of five seconds: dear at these rates, and short for a busy machine.
  const commandOptions = { timeout: undefined };
  const client = createClient({ socket, commandOptions });
  const reader = createClient({ socket, commandOptions });
  for (const one of [client, reader]) one.on('error', () => {});
  await Promise.all([client.connect(), reader.connect()]);
  const buffers = reader.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  /** @type {RawSocket[]} */ const sockets = [];

  const onReplicas = (/** @type {number} */ reached) => {
    if (reached !== replicas) throw new Error(`WAIT answered ${reached} of ${replicas} replicas`);
  };
  /** Commands of one turn of the event loop go out in one write: the client pipelines by itself. */
  const addAll = async (/** @type {string} */ log, /** @type {Buffer[]} */ values) => {
    const added = values.map((value) => client.xAdd(log, '*', { [FIELD]: value }));
    const waited = replicas > 0 ? client.wait(replicas, 0) : Promise.resolve(0);
    await Promise.all(added);
    onReplicas(await waited);
  };

  const publishers = {
    client: async (/** @type {string} */ log, /** @type {Buffer[][]} */ batches) => {
      return (/** @type {number} */ at) => addAll(log, batches[at]);
    },
    ready: async (/** @type {string} */ log, /** @type {Buffer[][]} */ batches) => {
      const ready = batches.map((batch) => encode(log, batch, replicas));
      /** Batches are answered in the order in which they were sent. @type {{ left: number, resolve: (reached: number) => void }[]} */
      const waiting = [];
      let first = 0;
      const answer = (/** @type {number} */ reached) => {
        const batch = waiting[first];
        if (batch === undefined) throw new Error('Redis answered what was not asked');
        batch.left -= 1;
        if (batch.left > 0) return;
        first += 1;
        batch.resolve(reached);
      };
      const raw = new RawSocket(
        port,
        (bytes, start, end) => {
          if (bytes[start] === BULK) return Number(bytes.toString('latin1', start + 1, end)) + 2;
          const line = bytes.toString('latin1', start, end);
          if (bytes[start] === ERROR) throw new Error(`Redis answered ${line}`);
          if (bytes[start] !== NUMBER) throw new Error(`Redis answered ${line}, not a number`);
          answer(Number(line.slice(1)));
          return 0;
        },
        () => answer(0),
      );
      sockets.push(raw);
      await raw.connected();
      return async (/** @type {number} */ at) => {
        const left = batches[at].length + (replicas > 0 ? 1 : 0);
        onReplicas(
          await raw.wait((resolve) => {
            waiting.push({ left, resolve });
            raw.write(ready[at]);
          }),
        );
      };
    },
  };

  return {
    // A stream begins with its first record.
    createLog: async () => {},
    deleteLog: async (log) => {
      await client.del(log);
    },
    publisher: (mode, log, batches) => publishers[mode](log, batches),
    publishOne: (log, value) => addAll(log, [value]),
    async subscribe(log, visit, fail) {
      let isStopped = false;
      const loop = async () => {
        for (let id = '0'; !isStopped; ) {
          const found = await buffers.xRead(
            { key: log, id },
            { COUNT: READ_COUNT, BLOCK: BLOCK_MS },
          );
          const messages = found?.[0]?.messages ?? [];
          for (const { message } of messages) visit(message[FIELD]);
          const last = messages[messages.length - 1];
          if (last !== undefined) id = last.id.toString();
        }
      };
      const running = loop().catch(fail);
      return {
        stop: async () => {
          isStopped = true;
          await running;
        },
      };
    },
    async close() {
      for (const raw of sockets) raw.close();
      await Promise.all([client.close(), reader.close()]);
    },
  };
}

/** A batch as RESP commands, with WAIT behind them where replicas count. */
function encode(
  /** @type {string} */ log,
  /** @type {Buffer[]} */ values,
  /** @type {number} */ replicas,
) {
  const bulk = (/** @type {string} */ text) => `$${text.length}\r\n${text}\r\n`;
  const head = `*5\r\n${bulk('XADD')}${bulk(log)}${bulk('*')}${bulk(FIELD)}`;
  const end = Buffer.from('\r\n');
  const parts = values.flatMap((value) => [Buffer.from(`${head}$${value.length}\r\n`), value, end]);
  if (replicas > 0) {
    parts.push(Buffer.from(`*3\r\n${bulk('WAIT')}${bulk(String(replicas))}${bulk('0')}`));
  }
  return Buffer.concat(parts);
}
