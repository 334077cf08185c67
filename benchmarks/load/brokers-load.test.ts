import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Broker, Cluster, Credentials, scramCredential } from '../../engine/index.js';
import { isAlive } from '../../engine/testing/is-alive.js';
import type { Cell } from '../model/knobs.js';
import { LoadProcess } from './load-process.js';
import { createTopic, measureTogether, planOf, readTopic, scheduleOf } from './load-tests.js';
import type { BrokerConnection, LoadPlan } from './plan.js';
import { readStamp } from './stamp.js';

/** Not a dependency: tried where somebody has installed it. */
const HAS_LIBRDKAFKA = existsSync(
  join(import.meta.dirname, '../../node_modules/@confluentinc/kafka-javascript'),
);
const CLIENTS: readonly Cell['client'][] = [
  'kafkajs',
  'platformatic',
  ...(HAS_LIBRDKAFKA ? ['librdkafka' as const] : []),
];
const ENTRY = join(import.meta.dirname, '../../dist/engine/cluster/broker-process.js');

let broker: Broker;
let topics = 0;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(() => broker.close());

function connectionTo(...bootstrap: string[]): BrokerConnection {
  return { kind: 'brokers', bootstrap, tls: null, sasl: null };
}

const WRONG = { mechanism: 'SCRAM-SHA-256', username: 'ann', password: 'wrong' } as const;

async function startGuarded(): Promise<Broker> {
  const credentials = new Credentials();
  credentials.set('ann', await scramCredential('SCRAM-SHA-256', 'right'));
  return Broker.start({ sasl: { mechanisms: ['SCRAM-SHA-256'], credentials } });
}

/** A fresh topic, one producer and one consumer for it. */
async function plansFor(knobs: Partial<Cell>, other: Partial<LoadPlan> = {}): Promise<LoadPlan[]> {
  topics += 1;
  const producer = planOf(knobs, connectionTo(broker.address), {
    topic: `load-${topics}`,
    ...other,
  });
  await createTopic(broker.address, producer.topic, producer.cell.partitions, 1);
  return [{ ...producer, role: 'consumer' }, producer];
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
const SHORT = { warmup: 0.2, measure: 0.6 };
/** Client libraries on a busy machine may take a second for one request. */
const LONGER = { warmup: 0.3, measure: 1.5 };

describe('ready batches', () => {
  test.each<[Partial<Cell>, number | null]>([
    [{ partitions: 3 }, null],
    [{ partitions: 2, acks: 1, codec: 'lz4' }, null],
    [{ partitions: 2, acks: 0 }, null],
    [{ partitions: 4, keys: 'hot', recordBytes: 100 }, null],
    [{ partitions: 3, recordBytes: 300 }, 1e6],
    [{ partitions: 3, codec: 'zstd', keys: 'uniform', arrivals: 'poisson' }, 1e6],
  ])(
    '%o at %s bytes a second: what is counted is in the log, and was read',
    async (knobs, rate) => {
      const plans = await plansFor(knobs, { rateBytesPerSecond: rate });
      const [consumed, produced] = await measureTogether(plans, SHORT);
      const inLog = await readTopic(broker.address, plans[0]!.topic, knobs.partitions ?? 1);
      const counts = inLog.map((values) => values.length);
      expect(produced?.records).toBeGreaterThan(0);
      expect(produced?.errors).toBe(0);
      expect(produced?.byPartition).toEqual(counts);
      expect(consumed?.byPartition).toEqual(counts);
      expect(consumed?.records).toBeGreaterThan(0);
      // What was due within the window, whenever it was read.
      expect(consumed?.corrected?.count).toBe(produced?.records);
      expect(consumed?.corrected?.p50Us).toBeGreaterThan(0);
      expect(produced?.corrected?.count).toBeGreaterThanOrEqual(produced?.records ?? 0);
      expect(sum(produced?.ticks.map((tick) => tick.producedRecords) ?? [])).toBeGreaterThan(0);
      expect(produced?.userSeconds).toBeGreaterThan(0);
      expect(produced?.meanInFlight).toBeGreaterThan(0);
      if (rate !== null) expect(produced?.records).toBeLessThanOrEqual(produced?.dueRecords ?? 0);
    },
  );

  test('numbered loads carry every number once, from several producers', async () => {
    const [, producer] = await plansFor(
      { partitions: 2, recordBytes: 64, batchBytes: 1000 },
      { isNumbered: true },
    );
    const plans = [0, 1].map((index) => ({ ...(producer as LoadPlan), index, of: 2 }));
    let acknowledgements = 0;
    const results = await measureTogether(plans, SHORT, {
      onProgress: (_, progress) => {
        acknowledgements += progress.acknowledgedAtNs.length;
      },
    });
    const inLog = await readTopic(broker.address, plans[0]!.topic, 2);
    for (const [partition, values] of inLog.entries()) {
      const next = [0, 0];
      for (const value of values) {
        const stamp = readStamp(value);
        expect(stamp?.sequence).toBe(next[stamp?.producer ?? -1]);
        next[stamp?.producer ?? -1]! += 1;
      }
      expect(next).toEqual(results.map(({ byPartition }) => byPartition[partition]));
    }
    expect(acknowledgements).toBeGreaterThan(0);
  });

  test('values too short for a time have no end-to-end latency', async () => {
    const [consumed, produced] = await measureTogether(await plansFor({ recordBytes: 8 }), SHORT);
    expect(consumed?.records).toBeGreaterThan(0);
    expect(consumed?.corrected).toBeNull();
    expect(produced?.corrected).not.toBeNull();
  });

  test('a reader that catches up reads from the start beside the tail', async () => {
    const plans = await plansFor({ reading: 'catch-up', partitions: 2 });
    const beside = { ...(plans[0] as LoadPlan), group: 1 };
    const [again, tail, produced] = await measureTogether([beside, ...plans], SHORT);
    expect(tail?.byPartition).toEqual(produced?.byPartition);
    expect(again?.corrected).toBeNull();
    expect(sum(again?.byPartition ?? [])).toBeGreaterThan(0);
  });

  test('a load that is stopped early says what it did until then', async () => {
    const plans = await plansFor({});
    const startedMs = performance.now();
    const [, produced] = await measureTogether(
      plans,
      { warmup: 0.1, measure: 60 },
      {
        meanwhile: async (loads) => {
          await new Promise((resolve) => setTimeout(resolve, 1000));
          const producer = loads.find(({ plan }) => plan.role === 'producer');
          const counted = await producer?.acknowledged();
          expect(counted?.[0]).toBeGreaterThan(0);
          producer?.stop();
        },
      },
    );
    expect(performance.now() - startedMs).toBeLessThan(40_000);
    expect(produced?.seconds).toBeGreaterThan(0.2);
    expect(produced?.seconds).toBeLessThan(30);
  });
});

describe.each(CLIENTS)('%s', (client) => {
  test.each<[Partial<Cell>, number | null]>([
    [{ partitions: 3, acks: 1 }, null],
    [{ partitions: 2, codec: 'lz4', keys: 'uniform' }, null],
    [{ partitions: 3, recordBytes: 300, arrivals: 'poisson' }, 1e6],
  ])(
    '%o at %s bytes a second: what is counted is in the log, and was read',
    async (knobs, rate) => {
      const plans = await plansFor({ client, ...knobs }, { rateBytesPerSecond: rate });
      const [consumed, produced] = await measureTogether(plans, LONGER);
      const inLog = await readTopic(broker.address, plans[0]!.topic, knobs.partitions ?? 1);
      const counts = inLog.map((values) => values.length);
      expect(produced?.records).toBeGreaterThan(0);
      expect(produced?.byPartition).toEqual(counts);
      expect(consumed?.byPartition).toEqual(counts);
      expect(consumed?.corrected?.count).toBe(produced?.records);
      expect(produced?.requests).toBeGreaterThan(0);
    },
  );

  test('nobody there, and a wrong password', async () => {
    const nobody = planOf({ client }, connectionTo('127.0.0.1:1'));
    await expect(LoadProcess.open(nobody)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
    const guarded = await startGuarded();
    try {
      const wrong = planOf({ client }, { ...connectionTo(guarded.address), sasl: WRONG });
      await expect(LoadProcess.open(wrong)).rejects.toMatchObject({
        code: 'AUTHENTICATION_FAILED',
      });
    } finally {
      await guarded.close();
    }
  });

  test('a batch that the topic refuses', async () => {
    const [, producer] = await plansFor({ client, recordBytes: 2 * 1024 * 1024, batchBytes: 1024 });
    const load = await LoadProcess.open(producer as LoadPlan);
    load.start(scheduleOf(0, 0.5));
    await expect(load.result).rejects.toThrow('MESSAGE_TOO_LARGE');
    await load.close();
  });
});

describe('what goes wrong', () => {
  const failure = async (plan: LoadPlan): Promise<{ code: string; message: string }> => {
    const error = await LoadProcess.open(plan).then(
      async (load) => {
        load.start(scheduleOf(0, 0.5));
        try {
          await load.result;
          return null;
        } catch (caught) {
          return caught;
        } finally {
          await load.close();
        }
      },
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(Error);
    return error as { code: string; message: string };
  };

  test('nobody at the address', async () => {
    const { code, message } = await failure(planOf({}, connectionTo('127.0.0.1:1')));
    expect(code).toBe('TARGET_UNREACHABLE');
    expect(message).toContain('127.0.0.1:1');
  });

  test('a wrong password', async () => {
    const guarded = await startGuarded();
    try {
      const connection = { ...connectionTo(guarded.address), sasl: WRONG };
      expect((await failure(planOf({}, connection))).code).toBe('AUTHENTICATION_FAILED');
    } finally {
      await guarded.close();
    }
  });

  test.skipIf(HAS_LIBRDKAFKA)('a client that is not installed: how to install it', async () => {
    const { code, message } = await failure(
      planOf({ client: 'librdkafka' }, connectionTo(broker.address)),
    );
    expect(code).toBe('CLIENT_MISSING');
    expect(message).toContain('npm install --no-save @confluentinc/kafka-javascript');
  });

  test('a payload that cannot be read', async () => {
    const payload = {
      file: '/nowhere/payload.txt',
      seed: 1,
      spread: 'exact',
      compressibility: null,
    } as const;
    const plan = planOf({}, connectionTo(broker.address), { payload });
    const { code, message } = await failure(plan);
    expect(code).toBe('INVALID_PAYLOAD');
    expect(message).toContain('/nowhere/payload.txt');
  });

  test('a batch that the topic refuses', async () => {
    const [, producer] = await plansFor({ recordBytes: 2 * 1024 * 1024, batchBytes: 1024 });
    const { code, message } = await failure(producer as LoadPlan);
    expect(code).toBe('LOAD_FAILED');
    expect(message).toContain('MESSAGE_TOO_LARGE');
  });

  test('a child that hangs is ended, and one that dies is told of', async () => {
    const [, producer] = await plansFor({});
    await expect(LoadProcess.open(producer as LoadPlan, { readyMs: 1 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
    });
    const load = await LoadProcess.open(producer as LoadPlan);
    process.kill(load.pid as number, 'SIGKILL');
    await expect(load.result).rejects.toMatchObject({ code: 'LOAD_FAILED' });
    await expect(load.result).rejects.toThrow('SIGKILL');
  });

  test('when the suite dies, its load does', async () => {
    const [, producer] = await plansFor({});
    const parent = fork(
      join(import.meta.dirname, '../../dist/benchmarks/load/load-parent.test-program.js'),
      [JSON.stringify(producer)],
      { execArgv: [] },
    );
    const pid = await new Promise<number>((resolve) =>
      parent.once('message', (at) => resolve(at as number)),
    );
    expect(() => process.kill(pid, 0)).not.toThrow();
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });
});

test('when a leader is killed the load goes on with the next, and nothing acknowledged is lost', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-load-cluster-'));
  const cluster = await Cluster.start({ directory, brokers: 3, entry: ENTRY });
  try {
    await createTopic(cluster.addresses[0]!, 'failover', 3, 3);
    const producer = planOf(
      { partitions: 3, replicationFactor: 3, minInsyncReplicas: 1 },
      connectionTo(...cluster.addresses),
      { topic: 'failover', isNumbered: true, rateBytesPerSecond: 500_000 },
    );
    const killed = 1;
    const [consumed, produced] = await measureTogether(
      [{ ...producer, role: 'consumer' }, producer],
      { warmup: 0.5, measure: 6 },
      {
        meanwhile: async () => {
          await new Promise((resolve) => setTimeout(resolve, 2500));
          await cluster.stopBroker(killed, 'SIGKILL');
        },
      },
    );
    const alive = cluster.addresses.filter((_, at) => at + 1 !== killed);
    const values = await readTopic(alive[0]!, 'failover', 3, alive);
    for (const [partition, acknowledged] of (produced?.byPartition ?? []).entries()) {
      const numbers = new Set(values[partition]?.map((value) => readStamp(value)?.sequence));
      expect(acknowledged).toBeGreaterThan(0);
      for (let number = 0; number < acknowledged; number++) expect(numbers.has(number)).toBe(true);
    }
    // It went on: the last tenth has acknowledgements, of every partition.
    expect(produced?.ticks.at(-1)?.producedRecords).toBeGreaterThan(0);
    expect(produced?.errors).toBeGreaterThan(0);
    expect(consumed?.records).toBeGreaterThan(0);
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
