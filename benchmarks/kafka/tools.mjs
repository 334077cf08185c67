// Kafka's own load tools, as their scripts start them.
import { spawn } from 'node:child_process';
import { ThreadWatch } from '../../dist/benchmarks/kafka/thread-times.js';
import { TOOL_JVM } from './targets.mjs';

/**
 * What the tool printed; with `watches`, also what its threads did meanwhile.
 * @param {import('../../conformance/lib/kafka.mjs').Kafka} kafka @param {string} main @param {string[]} args @param {{ watches?: boolean, limitMs?: number }} [options]
 * @returns {Promise<{ out: string, samples: import('../../dist/benchmarks/kafka/thread-times.js').ThreadSample[] }>}
 */
export function runTool(kafka, main, args, { watches = false, limitMs = 300_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'java',
      [
        ...TOOL_JVM,
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
        '-cp',
        kafka.classpath,
        main,
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const watch = watches && child.pid !== undefined ? new ThreadWatch(child.pid) : null;
    let out = '';
    let err = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      watch?.stop();
      if (status === 0) resolve({ out, samples: watch?.samples ?? [] });
      else reject(new Error(`${main} ${args.join(' ')} ended with ${status}:\n${out}${err}`));
    });
  });
}

/**
 * ProducerPerformance to its end: records a second and latency percentiles in milliseconds.
 * @param {import('../../conformance/lib/kafka.mjs').Kafka} kafka
 * @param {{ address: string, topic: string, records: number, recordBytes: number, throughput?: number, properties?: Record<string, string | number>, watches?: boolean }} work
 */
export async function producerPerformance(
  kafka,
  { address, topic, records, recordBytes, throughput = -1, properties = {}, watches = false },
) {
  const settings = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  const args = ['--topic', topic, '--num-records', String(records)];
  args.push('--record-size', String(recordBytes), '--throughput', String(throughput));
  args.push('--bootstrap-server', address);
  if (settings.length > 0) args.push('--command-property', ...settings);
  const { out, samples } = await runTool(
    kafka,
    'org.apache.kafka.tools.ProducerPerformance',
    args,
    { watches },
  );
  const line = out.trim().split('\n').at(-1) ?? '';
  const match =
    /^(\d+) records sent, ([\d.]+) records\/sec .*?([\d.]+) ms avg latency, ([\d.]+) ms max latency, (\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th, (\d+) ms 99.9th/.exec(
      line,
    );
  if (match === null || Number(match[1]) !== records)
    throw new Error(`ProducerPerformance printed: ${line}`);
  return {
    recordsPerSecond: Number(match[2]),
    p50Ms: Number(match[5]),
    p99Ms: Number(match[7]),
    maxMs: Number(match[4]),
    samples,
  };
}

/**
 * ConsumerPerformance: records a second while fetching, without the time of joining the group.
 * @param {import('../../conformance/lib/kafka.mjs').Kafka} kafka
 * @param {{ address: string, topic: string, records: number, watches?: boolean }} work
 */
export async function consumerPerformance(kafka, { address, topic, records, watches = false }) {
  const args = [
    '--topic',
    topic,
    '--bootstrap-server',
    address,
    '--num-records',
    String(records),
    '--timeout',
    '60000',
    '--group',
    `bench-${process.pid}-${Date.now()}`,
  ];
  const { out, samples } = await runTool(
    kafka,
    'org.apache.kafka.tools.ConsumerPerformance',
    args,
    { watches },
  );
  // start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec
  const lines = out.trim().split('\n');
  const fields = (lines.at(-1) ?? '').split(',').map((text) => text.trim());
  const [read, perSecond] = [Number(fields[4]), Number(fields[9])];
  if (!(read >= records) || !(perSecond > 0))
    throw new Error(`ConsumerPerformance printed: ${out}`);
  return { recordsPerSecond: perSecond, withJoinPerSecond: Number(fields[5]), samples };
}
