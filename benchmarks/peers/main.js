import { tmpdir } from 'node:os';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { describeEnvironment } from '../../dist/benchmarks/environment.js';
import { count, describeMachine } from '../../dist/benchmarks/figures.js';
import { createProgress } from '../../dist/benchmarks/progress.js';
import { createRandom, shuffled } from '../../dist/benchmarks/random.js';
import { estimate, pairedRatios } from '../../dist/benchmarks/stats.js';
import { cleanUpOnSignals } from '../../dist/benchmarks/temp-directory.js';
import { measure } from './measure.js';
import { loadStores } from './stores.js';
import { describeWork, makeBatches, scaleWork, WORKS } from './works.js';

const WARM_UP_SCALE = 0.2;

function whole(low, high) {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high))
      throw new InvalidArgumentError(`a whole number from ${low} to ${high}.`);
    return value;
  };
}

function scale(text) {
  const value = Number(text);
  if (!(value >= 0.01 && value <= 100))
    throw new InvalidArgumentError('a number from 0.01 to 100.');
  return value;
}

function names(text) {
  const list = text.split(',');
  const wrong = list.find((name) => !WORKS.some((work) => work.name === name));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `no work ${wrong}; there are ${WORKS.map(({ name }) => name).join(', ')}.`,
    );
  }
  return list;
}

const options = new Command('npm run bench:peers --')
  .description('varve and other stores on the same work in one run, alternating, as ratios')
  .option('--only <works>', `some of ${WORKS.map(({ name }) => name).join(', ')}`, names)
  .option('--rounds <n>', 'runs of each store, 3 - 50', whole(3, 50), 5)
  .option('--scale <n>', 'amount of work, 0.01 - 100', scale, 1)
  .option('--seed <n>', 'content of the records and order of the runs', whole(0, 4_294_967_295), 1)
  .option('--directory <dir>', 'where data is written and deleted', tmpdir())
  .option('--json', 'one document instead of tables')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()
  .opts();

cleanUpOnSignals();
const { stores, missing } = await loadStores();
const works = WORKS.filter(({ name }) => options.only === undefined || options.only.includes(name));
const random = createRandom(options.seed);
const progress = createProgress(process.stderr);
progress.begin(works.length * stores.length * (options.rounds + 1));

const results = [];
for (const work of works) {
  const scaled = scaleWork(work, options.scale);
  const batches = makeBatches(scaled, options.seed);
  const small = scaleWork(scaled, WARM_UP_SCALE);
  const smallBatches = batches.slice(0, small.batches * small.writers);
  const runs = new Map(stores.map((store) => [store, []]));
  for (const store of stores) {
    progress.step(`warm-up and full comparison: ${store.name}, ${work.name}`);
    await measure(store, small, smallBatches, {
      directory: options.directory,
      compareEveryByte: true,
    });
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const store of shuffled(stores, random)) {
      progress.step(`${store.name}, ${work.name}`);
      runs.get(store).push(
        await measure(store, scaled, batches, {
          directory: options.directory,
          compareEveryByte: false,
        }),
      );
    }
  }
  results.push({ work: scaled, description: describeWork(scaled), stores: summarize(work, runs) });
}
progress.end();
const environment = describeEnvironment(options.directory);
if (options.json) {
  console.log(
    JSON.stringify(
      { environment, rounds: options.rounds, seed: options.seed, missing, results },
      null,
      2,
    ),
  );
} else {
  print();
}

function summarize(work, runs) {
  const varve = runs.get(stores[0]);
  return stores.map((store) => {
    const own = runs.get(store);
    const of = (figure) => ({
      perSecond: estimate(own.map((run) => run[figure])),
      varveTimes: estimate(
        pairedRatios(
          varve.map((run) => run[figure]),
          own.map((run) => run[figure]),
        ),
      ),
      runs: own.map((run) => run[figure]),
    });
    return {
      name: store.name,
      version: store.version,
      settings: store.settings(work.durable),
      append: of('appendPerSecond'),
      read: work.timesRead ? of('readPerSecond') : null,
    };
  });
}

function print() {
  console.log(describeMachine(environment));
  console.log(
    `${options.rounds} rounds in shuffled order (seed ${options.seed}) after a warm-up; every store reads its records back in the same process, compared byte for byte in the warm-up and by count and checksum in every run.`,
  );
  for (const { module, reason } of missing) console.log(`left out: ${module} (${reason})`);
  for (const { description, stores: rows } of results) {
    const reads = rows[0].read !== null;
    const table = new Table({
      head: ['store', 'append rec/s', 'varve is', ...(reads ? ['read rec/s', 'varve is'] : [])],
      colAligns: ['left', 'right', 'right', 'right', 'right'],
      style: { head: [], border: [], compact: true },
    });
    for (const row of rows)
      table.push([row.name, ...columns(row.append, row), ...(reads ? columns(row.read, row) : [])]);
    console.log(`\n${description}\n${table}`);
    for (const row of rows) console.log(`  ${row.name} ${row.version}: ${row.settings}`);
  }
  const { confidence } = results[0].stores[0].append.perSecond;
  console.log(
    `\nrec/s: median (lowest - highest). "varve is": median of the rounds' ratios, with the range that holds the true one with ${(confidence * 100).toFixed(0)} % confidence. No run is dropped.`,
  );
}

function columns({ perSecond, varveTimes, runs }, { name }) {
  const speed = `${count(perSecond.median)} (${count(Math.min(...runs))} - ${count(Math.max(...runs))})`;
  const ratio = (value) => value.toFixed(value < 10 ? 2 : 1);
  return [
    speed,
    name === 'varve'
      ? ''
      : `${ratio(varveTimes.median)} x (${ratio(varveTimes.low)} - ${ratio(varveTimes.high)})`,
  ];
}
