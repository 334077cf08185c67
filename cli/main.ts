#!/usr/bin/env node
import { Command } from 'commander';
import { runProgram } from './run-program.js';
import { version } from './version.js';

type AddCommand = (program: Command) => void;

/**
 * Each command's code is loaded when it is the one that runs: a broker that starts in milliseconds does not wait for
 * what reads logs, nor for a Kafka client.
 */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  broker: async () => (await import('./broker/commands.js')).addBrokerCommand,
  cluster: async () => (await import('./broker/commands.js')).addClusterCommand,
  group: async () => (await import('./group/commands.js')).addGroupCommands,
  log: async () => (await import('./log/commands.js')).addLogCommands,
  topic: async () => (await import('./topic/commands.js')).addTopicCommands,
  produce: async () => (await import('./records/commands.js')).addProduceCommand,
  consume: async () => (await import('./records/commands.js')).addConsumeCommand,
};

const program = new Command('varve')
  .description(
    'A Kafka-format log and broker: topics, records, groups, brokers, and the files they leave.',
  )
  .version(version())
  .addHelpText(
    'after',
    `
Examples:
  varve broker --directory data                 one broker on port 9092
  varve cluster --brokers 3 --directory data    three brokers on this machine
  varve topic create orders --partitions 3      on varve or on Kafka
  varve produce orders < orders.txt             a line a record
  varve consume orders --from beginning         print them
  varve group describe billing                  members and lag
  varve log dump events-0 --json                look into the files of a partition

Exit codes: 0 done, 1 damage found or work failed, 2 wrong usage, 130 interrupted.`,
  );

const named = COMMANDS[process.argv[2] ?? ''];
for (const load of named === undefined ? Object.values(COMMANDS) : [named]) (await load())(program);
await runProgram(program);
