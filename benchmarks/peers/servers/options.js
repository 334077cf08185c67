import { tmpdir } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { PEER_NAMES } from './peers.js';
import { PROMISES } from './promises.js';
import { WORK_NAMES } from './works.js';

const PROMISE_NAMES = PROMISES.map(({ name }) => name);

/** @param {number} low @param {number} high @param {boolean} isWhole */
function number(low, high, isWhole) {
  return (/** @type {string} */ text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= low && value <= high) || (isWhole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`a ${isWhole ? 'whole ' : ''}number from ${low} to ${high}.`);
    }
    return value;
  };
}

/** @param {string} what @param {string[]} known */
function someOf(what, known) {
  return (/** @type {string} */ text) => {
    const list = text.split(',');
    const wrong = list.find((name) => !known.includes(name));
    if (wrong !== undefined) {
      throw new InvalidArgumentError(`no ${what} ${wrong}; there are ${known.join(', ')}.`);
    }
    return known.filter((name) => list.includes(name));
  };
}

/**
 * @typedef {{ only: string[], promise: string[], work: string[], rounds: number, scale: number, seed: number, directory: string, json: boolean }} Options
 * @returns {Options}
 */
export function parseOptions() {
  return new Command('npm run bench:servers --')
    .description(
      'varve, Apache Kafka, NATS JetStream and Redis streams on the same work in one run, alternating, each with the setting that gives the same promise',
    )
    .option(
      '--only <servers>',
      `some of ${PEER_NAMES.join(', ')}`,
      someOf('server', PEER_NAMES),
      PEER_NAMES,
    )
    .option(
      '--promise <names>',
      `some of ${PROMISE_NAMES.join(', ')}`,
      someOf('promise', PROMISE_NAMES),
      PROMISE_NAMES,
    )
    .option(
      '--work <names>',
      `some of ${WORK_NAMES.join(', ')}`,
      someOf('work', WORK_NAMES),
      WORK_NAMES,
    )
    .option('--rounds <n>', 'how often each server does everything, 1 - 50', number(1, 50, true), 3)
    .option('--scale <n>', 'amount of work, 0.01 - 100', number(0.01, 100, false), 1)
    .option(
      '--seed <n>',
      'content of the records and order of the runs',
      number(0, 4_294_967_295, true),
      1,
    )
    .option('--directory <dir>', 'where the servers keep their data; deleted', tmpdir())
    .option('--json', 'one document instead of the table', false)
    .addHelpText(
      'after',
      `
A server that is not installed, or cannot give a promise, is left out with the reason.

Examples:
  npm run bench:servers
  npm run bench:servers -- --only varve,redis --promise disk --rounds 5
  npm run bench:servers -- --work latency --json > latency.json`,
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse()
    .opts();
}
