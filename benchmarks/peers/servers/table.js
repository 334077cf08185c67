import Table from 'cli-table3';
import { count, describeMachine } from '../../../dist/benchmarks/figures.js';
import { LATENCY_WORK } from './works.js';

const HEAD = [
  'server, written by',
  'publish\n100 B x 1,000',
  'varve is',
  'publish\n1 KiB x 100',
  'varve is',
  'read\n100 B',
  'read\n1 KiB',
  'latency ms\np50 / p99',
  'CPU s/M\n100 B / 1 KiB',
  'memory MB\npeak / own',
];

/** The whole result for people: one table, a part for each promise. */
export function print({ environment, options, inFlight, missing, failures, results }) {
  console.log(describeMachine(environment));
  console.log(
    `${options.rounds} round(s) in shuffled order (seed ${options.seed}), scale ${options.scale}; one partition or stream, ${inFlight} batches in flight; every record is read back: compared byte for byte in the warm-up, by count and checksum in every run.`,
  );
  for (const { name, reason } of missing) console.log(`left out: ${name}: ${reason}`);
  const table = new Table({
    head: HEAD,
    colAligns: ['left', ...Array(HEAD.length - 1).fill('right')],
    style: { head: [], border: [], compact: true },
  });
  for (const { title, rows, cannot } of results) {
    table.push([{ colSpan: HEAD.length, content: title, hAlign: 'left' }]);
    for (const row of rows) table.push(columns(row));
    for (const { name } of cannot) {
      table.push([{ colSpan: HEAD.length, content: `${name}: cannot, see below`, hAlign: 'left' }]);
    }
  }
  console.log(`\n${table}\n`);
  for (const { promise, rows, cannot } of results) {
    for (const { name, version, settings } of rows.filter(({ mode }) => mode === 'client')) {
      console.log(`  ${promise}: ${name} ${version}: ${settings}`);
    }
    for (const { reason } of cannot) console.log(`  ${promise}: ${reason}`);
  }
  for (const { round, reason } of failures)
    console.log(`  FAILED in round ${round + 1}: ${reason}`);
  console.log(`
records/s, median of the rounds and lowest - highest; "varve is": median of the rounds' ratios to varve written the same
way. client: @platformatic/kafka for varve and Kafka, which is the limit of both; NATS's own with the last record of a
batch acknowledged (its number says that all before it are stored); node-redis, which pipelines by itself. ready: bytes
encoded before the clock, over one socket: the server is the limit. Latency: publish to consume at ${LATENCY_WORK.ratePerSecond} records/s of
${LATENCY_WORK.recordBytes} B, from the intended send time; this generator's own part is ${lateness(results)}. CPU: of all processes of
the server while publishing, per million records. Memory: of all of them after everything; own is without pages of mapped
files. Redis holds all records in memory.`);
}

function columns({ name, mode, figures }) {
  return [
    `${name}, ${mode}`,
    ...speed(name, figures['publish-100']),
    ...speed(name, figures['publish-1k']),
    rate(figures['read-100']),
    rate(figures['read-1k']),
    pair(figures.latencyP50Us, figures.latencyP99Us, (us) => digits(us / 1000)),
    pair(figures.serverCpuSecondsPerMillion100, figures.serverCpuSecondsPerMillion1k, (seconds) =>
      digits(seconds),
    ),
    pair(figures.peakMemoryBytes, figures.ownMemoryBytes, (bytes) => (bytes / 1e6).toFixed(0)),
  ];
}

/** @param {string} name @param {import('./summary.js').Figure | undefined} figure */
function speed(name, figure) {
  const times = name === 'varve' ? null : (figure?.varveTimes ?? null);
  return [rate(figure), times === null ? '' : `${digits(times.median)} x`];
}

/** @param {import('./summary.js').Figure | undefined} figure */
function rate(figure) {
  if (figure === undefined) return '';
  const { runs, estimate } = figure;
  return runs.length === 1
    ? count(estimate.median)
    : `${count(estimate.median)}\n${count(Math.min(...runs))} - ${count(Math.max(...runs))}`;
}

/** @param {import('./summary.js').Figure | undefined} first @param {import('./summary.js').Figure | undefined} second @param {(value: number) => string} format */
function pair(first, second, format) {
  const of = (/** @type {typeof first} */ figure) =>
    figure === undefined ? '-' : format(figure.estimate.median);
  return first === undefined && second === undefined ? '' : `${of(first)} / ${of(second)}`;
}

const digits = (/** @type {number} */ value) =>
  value >= 100 ? value.toFixed(0) : value.toPrecision(value < 1 ? 2 : 3);

function lateness(results) {
  const late = results
    .flatMap(({ rows }) => rows)
    .flatMap(({ figures }) => figures.generatorLateP50Us?.runs ?? []);
  if (late.length === 0) return 'not measured here';
  return `${digits(Math.min(...late) / 1000)} - ${digits(Math.max(...late) / 1000)} ms at p50`;
}
