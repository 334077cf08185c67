import { type Cell, cellOf } from '../model/knobs.js';
import { NS_PER_MS, NS_PER_SECOND, nowNs } from './clock.js';
import { LoadProcess, type Progress } from './load-process.js';
import { openLoad } from './open-load.js';
import type { LoadConnection, LoadPlan, LoadResult, Schedule } from './plan.js';
import { parseAddress } from './topic-routes.js';
import { RecordCursor, sizeInBytes, WireClient } from './varve.js';

/* What tests of this folder share. */

const START_AHEAD_MS = 100;

export function scheduleOf(warmupSeconds: number, measureSeconds: number): Schedule {
  const startNs = nowNs() + START_AHEAD_MS * NS_PER_MS;
  const measureFromNs = startNs + warmupSeconds * NS_PER_SECOND;
  return { startNs, measureFromNs, measureToNs: measureFromNs + measureSeconds * NS_PER_SECOND };
}

export function planOf(
  knobs: Partial<Cell>,
  connection: LoadConnection,
  other: Partial<LoadPlan> = {},
): LoadPlan {
  return {
    role: 'producer',
    index: 0,
    of: 1,
    group: 0,
    cell: cellOf(knobs),
    topic: 'load',
    connection,
    payload: { file: null, seed: 1, spread: 'exact', compressibility: null },
    rateBytesPerSecond: null,
    isNumbered: false,
    ...other,
  };
}

/** In this process. */
export async function measureHere(
  plan: LoadPlan,
  seconds: { readonly warmup: number; readonly measure: number },
): Promise<LoadResult> {
  const load = await openLoad(plan);
  try {
    return await load.run(scheduleOf(seconds.warmup, seconds.measure));
  } finally {
    await load.close();
  }
}

/** Processes that run together, consumers until all producers are done. */
export async function measureTogether(
  plans: readonly LoadPlan[],
  seconds: { readonly warmup: number; readonly measure: number },
  options: {
    readonly onProgress?: (plan: LoadPlan, progress: Progress) => void;
    /** Called when the load has begun. */
    readonly meanwhile?: (loads: readonly LoadProcess[]) => Promise<void>;
  } = {},
): Promise<LoadResult[]> {
  const loads: LoadProcess[] = [];
  try {
    for (const plan of plans) {
      loads.push(
        await LoadProcess.open(plan, {
          onProgress: (progress) => options.onProgress?.(plan, progress),
        }),
      );
    }
    const schedule = scheduleOf(seconds.warmup, seconds.measure);
    for (const load of loads) load.start(schedule);
    const all = Promise.all(loads.map(({ result }) => result));
    const produced = Promise.all(
      loads.filter(({ plan }) => plan.role === 'producer').map(({ result }) => result),
    );
    await Promise.all([Promise.race([produced, all]), options.meanwhile?.(loads)]);
    for (const load of loads) if (load.plan.role === 'consumer') load.stop();
    return await all;
  } finally {
    await Promise.all(loads.map((load) => load.close()));
  }
}

export async function createTopic(
  address: string,
  name: string,
  partitions: number,
  replicationFactor: number,
): Promise<void> {
  const client = new WireClient(parseAddress(address));
  try {
    const { topics } = await client.request('CreateTopics', 'highest', {
      topics: [
        { name, numPartitions: partitions, replicationFactor, assignments: [], configs: [] },
      ],
      timeoutMs: 10_000,
    });
    if (topics[0]?.errorCode !== 0) throw new Error(`CreateTopics: error ${topics[0]?.errorCode}`);
  } finally {
    client.close();
  }
}

/** The values of each partition, asked of whichever of the brokers leads it. */
export async function readTopic(
  address: string,
  topic: string,
  partitions: number,
  addresses: readonly string[] = [address],
): Promise<Buffer[][]> {
  const clients = addresses.map((each) => new WireClient(parseAddress(each)));
  const values: Buffer[][] = Array.from({ length: partitions }, () => []);
  try {
    for (let partition = 0; partition < partitions; partition++) {
      for (let offset = 0, at = 0; ; ) {
        const { errorCode, records, highWatermark } = await fetchFrom(
          clients[at % clients.length] as WireClient,
          topic,
          partition,
          offset,
        );
        if (errorCode !== 0) {
          at += 1;
          if (at > 100) throw new Error(`partition ${partition}: error ${errorCode}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        if (offset >= highWatermark) break;
        offset = readValues(records ?? Buffer.alloc(0), offset, values[partition] as Buffer[]);
      }
    }
  } finally {
    for (const client of clients) client.close();
  }
  return values;
}

async function fetchFrom(client: WireClient, topic: string, partition: number, offset: number) {
  const answer = await client.request('Fetch', 12, {
    maxWaitMs: 0,
    minBytes: 0,
    isolationLevel: 0,
    sessionId: 0,
    topics: [
      {
        topic,
        partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 4 * 1024 * 1024 }],
      },
    ],
    forgottenTopicsData: [],
    rackId: '',
  });
  const found = answer.responses[0]?.partitions[0];
  if (found === undefined) throw new Error(`no answer for partition ${partition}`);
  return found;
}

function readValues(bytes: Buffer, from: number, into: Buffer[]): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const cursor = new RecordCursor();
  let next = from;
  for (let at = 0; at + 12 <= bytes.length; at += sizeInBytes(view, at)) {
    if (at + sizeInBytes(view, at) > bytes.length) break;
    cursor.reset(bytes, view, at);
    while (cursor.next()) {
      if (cursor.offset < from) continue;
      into.push(Buffer.from(cursor.value() ?? []));
      next = cursor.offset + 1;
    }
  }
  return next;
}
