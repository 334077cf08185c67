#!/usr/bin/env node
// varve beside a real Kafka on this machine, in one run, alternating: `npm run bench:kafka`.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { kafka as findKafka } from '../../conformance/lib/kafka.mjs';
import { describeEnvironment } from '../../dist/benchmarks/environment.js';
import { ceilingTables, measureCeiling } from './ceiling.mjs';
import { GROUPS, oneBrokerLoads } from './rows.mjs';

const program = new Command('bench:kafka')
  .description(
    'Runs the same work on varve and on a real Kafka (from its Maven jars), alternating, and prints ratios of medians.',
  )
  .option('--rounds <n>', 'how often each side does everything', (text) => positive(text), 1)
  .option('--scale <share>', 'share of the full amount of work', (text) => positive(text), 1)
  .option('--only <names>', `comma-separated: ${Object.keys(GROUPS).join(', ')}`)
  .option('--side <name>', 'only one side: kafka or varve')
  .option(
    '--ceiling',
    "instead: only Kafka's load tools on one broker, also beside a broker that keeps nothing: about the most that any can reach",
  )
  .option('--rows <text>', 'with --ceiling: only loads with this in their name, such as "100 B"')
  .option('--out <file>', 'write every measurement there as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench:kafka\n  npm run bench:kafka -- --only oneBroker --scale 0.2 --rounds 3' +
      '\n  npm run bench:kafka -- --ceiling --scale 0.35 --rounds 3',
  )
  .parse();

function positive(/** @type {string} */ text) {
  const value = Number(text);
  if (!(value > 0 && value <= 100))
    throw new InvalidArgumentError('a number above 0, at most 100.');
  return value;
}

const options = program.opts();
const names = options.only === undefined ? Object.keys(GROUPS) : String(options.only).split(',');
for (const name of names) {
  if (!(name in GROUPS))
    program.error(`--only ${name}: there is ${Object.keys(GROUPS).join(', ')}`);
}
const sides = /** @type {('kafka' | 'varve')[]} */ (
  options.side === undefined ? ['kafka', 'varve'] : [options.side]
);
// Those of the brokers that are in sessions of their own end with this process.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const context = {
  kafka: findKafka(),
  scale: options.scale,
  progress: (/** @type {string} */ text) => process.stderr.write(`${text}\n`),
};

if (options.ceiling === true) {
  if (options.only !== undefined || options.side !== undefined)
    program.error('--ceiling has its own rows and sides: leave --only and --side out');
  const names = oneBrokerLoads(1).map(({ name }) => name);
  if (options.rows !== undefined && !names.some((name) => name.includes(options.rows)))
    program.error(`--rows "${options.rows}" is in none of: ${names.join('; ')}`);
  const environment = describeEnvironment(tmpdir());
  const runs = await measureCeiling(context, options);
  console.log(
    `Apache Kafka ${context.kafka.version}, varve and a broker that keeps nothing (the ceiling), ${options.rounds} round(s), scale ${options.scale}`,
  );
  console.log(ceilingTables(runs));
  writeOut({ environment, runs });
  process.exit();
}
if (options.rows !== undefined) program.error('--rows is for --ceiling');

/** @type {(import('./rows.mjs').Measurement & { side: string, round: number })[]} */
const measurements = [];
for (const name of names) {
  for (let round = 0; round < options.rounds; round += 1) {
    // Who goes first changes: what the first leaves in caches is not always the other's gain.
    const order = round % 2 === 0 ? sides : [...sides].reverse();
    for (const side of order) {
      const found = await GROUPS[/** @type {keyof typeof GROUPS} */ (name)](context, side);
      measurements.push(...found.map((measurement) => ({ ...measurement, side, round })));
    }
  }
}

const median = (/** @type {number[]} */ values) => {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};
const format = (/** @type {number | undefined} */ value) =>
  value === undefined || Number.isNaN(value)
    ? '-'
    : value >= 100
      ? Math.round(value).toLocaleString('en')
      : value.toPrecision(3);

const table = new Table({
  head: ['work', 'unit', 'Kafka', 'varve', 'varve is better by'],
  style: { head: [], border: [] },
});
for (const row of new Set(measurements.map((m) => m.row))) {
  const of = (/** @type {string} */ side) =>
    measurements.filter((m) => m.row === row && m.side === side).map((m) => m.value);
  const [kafka, varve] = [median(of('kafka')), median(of('varve'))];
  const first = measurements.find((m) => m.row === row);
  const ratio =
    kafka === undefined || varve === undefined
      ? undefined
      : first?.moreIsBetter
        ? varve / kafka
        : kafka / varve;
  table.push([
    row,
    first?.unit ?? '',
    format(kafka),
    format(varve),
    ratio === undefined || Number.isNaN(ratio) ? '-' : `${format(ratio)} x`,
  ]);
}
const environment = describeEnvironment(tmpdir());
console.log(
  `Apache Kafka ${context.kafka.version} and varve, ${options.rounds} round(s), scale ${options.scale}`,
);
console.log(table.toString());
writeOut({ environment, measurements });

function writeOut(/** @type {object} */ results) {
  if (options.out === undefined) return;
  writeFileSync(
    options.out,
    `${JSON.stringify({ kafka: context.kafka.version, options, ...results }, null, 2)}\n`,
  );
}
