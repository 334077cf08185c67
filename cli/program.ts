import type { Command } from 'commander';
import { newProgram, runProgram } from './run-program.js';

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
  advise: async () => (await import('./advise/commands.js')).addAdviseCommand,
  bench: async () => (await import('./bench/commands.js')).addBenchCommands,
  profile: async () => (await import('../profiles/command.js')).addProfileCommand,
  topic: async () => (await import('./topic/commands.js')).addTopicCommands,
  produce: async () => (await import('./records/commands.js')).addProduceCommand,
  consume: async () => (await import('./records/commands.js')).addConsumeCommand,
};

const program = newProgram();
const [, , first = ''] = process.argv;
const named = COMMANDS[first];
const wanted = named === undefined ? Object.values(COMMANDS) : [named];
if (first !== '--version' && first !== '-V') {
  for (const load of wanted) (await load())(program);
}
await runProgram(program);
