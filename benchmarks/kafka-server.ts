import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { isBenchError } from './model/bench-error.js';
import { KafkaCluster } from './targets/kafka-cluster.js';
import { findKafkaJars } from './targets/kafka-jars.js';

/* `npm run kafka -- --brokers 3`: a real Kafka on this machine until Ctrl-C, for what is to be compared with it. */

interface Flags {
  readonly brokers: number;
  readonly port?: number;
  readonly directory?: string;
  readonly config: Readonly<Record<string, string>>;
}

const EXIT = { done: 0, failed: 1, interrupted: 130 } as const;

const whole = (low: number, high: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  throw new InvalidArgumentError(`It is a whole number from ${low} to ${high}.`);
};

function addSetting(text: string, before: Readonly<Record<string, string>>): Flags['config'] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new InvalidArgumentError('It is name=value, by the names of server.properties.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

const program = new Command('kafka')
  .description(
    'Runs a real Apache Kafka on the loopback device, from its Maven jars (fetched the first time; needs Java 17 and Maven).',
  )
  .option('-n, --brokers <n>', 'how many, and a controller beside them', whole(1, 9), 1)
  .option(
    '-p, --port <port>',
    'of the first broker, the others follow (default: any that are free)',
    whole(1, 65_527),
  )
  .option(
    '-d, --directory <path>',
    'keeps the data there (default: a temporary one, which is removed)',
  )
  .option('-c, --config <name=value>', 'setting of every broker; can be repeated', addSetting, {})
  .addHelpText(
    'after',
    '\nKAFKA_VERSION=4.1.1 in the environment takes another version.\nCtrl-C stops it. Exit codes: 0 stopped when asked, 1 could not start.',
  );

async function run({ brokers, port, directory, config }: Flags): Promise<number> {
  const stop = new AbortController();
  const stopped = new Promise<void>((done) => stop.signal.addEventListener('abort', () => done()));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const jars = await findKafkaJars(say);
  const home =
    directory === undefined ? mkdtempSync(join(tmpdir(), 'varve-kafka-')) : resolve(directory);
  mkdirSync(home, { recursive: true });
  const ports = port === undefined ? [] : Array.from({ length: brokers }, (_, i) => port + i);
  let cluster: KafkaCluster | null = null;
  try {
    say(`starting Apache Kafka ${jars.version}, which takes some seconds ...`);
    cluster = await KafkaCluster.start({
      jars,
      brokers,
      directory: home,
      settings: { 'group.initial.rebalance.delay.ms': 0, ...config },
      controller: 'own',
      ports,
      signal: stop.signal,
    });
    const bootstrap = cluster.addresses.join(',');
    console.log(`${cluster.software}, ${brokers === 1 ? '1 broker' : `${brokers} brokers`}: ${bootstrap}

  npx varve bench --target kafka://${bootstrap}
  npx varve topic list --bootstrap ${bootstrap}

Data is in ${home}${directory === undefined ? ', until it stops' : ''}. Ctrl-C stops it.`);
    await stopped;
    // A second Ctrl-C does not wait.
    process.once('SIGINT', () => process.exit(EXIT.interrupted));
    say('stopping ...');
    if (directory !== undefined) await cluster.stopAll();
    return EXIT.done;
  } finally {
    await cluster?.close();
    if (directory === undefined) rmSync(home, { recursive: true, force: true });
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

program.action(async (flags: Flags) => {
  try {
    process.exitCode = await run(flags);
  } catch (error) {
    if (!isBenchError(error)) throw error;
    say(`kafka: ${error.message} [${error.code}]`);
    process.exitCode = error.code === 'INTERRUPTED' ? EXIT.interrupted : EXIT.failed;
  }
});
await program.parseAsync();
