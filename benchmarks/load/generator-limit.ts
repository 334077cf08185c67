import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { BenchError } from '../model/bench-error.js';
import { type Cell, cellOf } from '../model/knobs.js';
import type { GeneratorLimit } from '../model/result.js';
import { programPath } from '../program-path.js';
import { NS_PER_SECOND, nowNs } from './clock.js';
import { LoadProcess } from './load-process.js';
import type { LoadPlan, LoadResult, PayloadPlan } from './plan.js';

const WARMUP_SECONDS = 0.5;
const START_AHEAD_SECONDS = 0.1;
const SINK_MS = 20_000;

export interface GeneratorLimitOptions {
  /** Its client, sizes, codec, keys, partitions and acks count; the rest does not. */
  readonly cell: Partial<Cell>;
  readonly payload: PayloadPlan;
  readonly seconds: number;
}

/**
 * How fast one producer process can send when everything is acknowledged at once, over loopback, by a process that keeps
 * nothing: the generator's own limit, with what the kernel takes for the way. @throws BenchError
 */
export async function measureGeneratorLimit(
  options: GeneratorLimitOptions,
): Promise<GeneratorLimit & { readonly result: LoadResult }> {
  const cell = cellOf({ ...options.cell, consumers: 0, producers: 1, rate: 'max' });
  const sink = fork(programPath('null-sink', 'load/null-sink.js'), [String(cell.partitions)], {
    execArgv: [],
  });
  try {
    const port = await portOf(sink);
    const plan: LoadPlan = {
      role: 'producer',
      index: 0,
      of: 1,
      group: 0,
      cell,
      topic: 'null-sink',
      connection: { kind: 'brokers', bootstrap: [`127.0.0.1:${port}`], tls: null, sasl: null },
      payload: options.payload,
      rateBytesPerSecond: null,
      isNumbered: false,
    };
    const load = await LoadProcess.open(plan);
    try {
      const startNs = nowNs() + START_AHEAD_SECONDS * NS_PER_SECOND;
      const measureFromNs = startNs + WARMUP_SECONDS * NS_PER_SECOND;
      const measureToNs = measureFromNs + options.seconds * NS_PER_SECOND;
      load.start({ startNs, measureFromNs, measureToNs });
      const result = await load.result;
      return {
        client: cell.client,
        recordBytes: cell.recordBytes,
        batchBytes: cell.batchBytes,
        recordsPerSecond: result.records / result.seconds,
        bytesPerSecond: result.bytes / result.seconds,
        result,
      };
    } finally {
      await load.close();
    }
  } finally {
    sink.kill('SIGKILL');
  }
}

async function portOf(sink: ChildProcess): Promise<number> {
  const signal = AbortSignal.timeout(SINK_MS);
  try {
    const [port] = await once(sink, 'message', { signal });
    return port as number;
  } catch (cause) {
    throw new BenchError('LOAD_FAILED', `the null sink did not start within ${SINK_MS} ms`, {
      cause,
    });
  }
}
