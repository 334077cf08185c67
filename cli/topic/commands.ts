import type { Command } from 'commander';
import { nameAndValue, several, wholeNumberFrom } from '../arguments.js';
import { addConnectionOptions } from '../client/connection-flags.js';
import type { AlterFlags, CreateFlags, DeleteFlags, DescribeFlags, ListFlags } from './flags.js';

/** `varve topic ...` */
export function addTopicCommands(program: Command): void {
  const topic = program
    .command('topic')
    .description('create, list, describe, alter and delete topics of varve or Kafka');
  addCreate(topic);
  addList(topic);
  addDescribe(topic);
  addAlter(topic);
  addDelete(topic);
}

function addCreate(topic: Command): void {
  const command = topic
    .command('create')
    .description('create topics')
    .argument('<name...>', 'their names')
    .option('-p, --partitions <n>', 'partitions (default: the broker’s)', wholeNumberFrom(1))
    .option(
      '-r, --replication-factor <n>',
      'replicas of each partition (default: the broker’s)',
      wholeNumberFrom(1, 0x7fff),
    )
    .option('-c, --config <name=value>', 'a setting of the topics; repeat for more', nameAndValue)
    .option('--if-not-exists', 'leave a topic that is there as it is')
    .option('--json', 'one JSON object a topic');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve topic create orders
  varve topic create orders payments --partitions 12 --replication-factor 3
  varve topic create state -p 3 -c cleanup.policy=compact -c min.insync.replicas=2`,
    )
    .action(async (names: string[], flags: CreateFlags) =>
      (await import('./create.js')).createTopics(names, flags),
    );
}

function addList(topic: Command): void {
  const command = topic
    .command('list')
    .description('list topics')
    .option('--internal', 'also those the brokers keep for themselves')
    .option('-q, --quiet', 'names only, one a line')
    .option('--json', 'one JSON object a topic');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve topic list
  varve topic list --quiet | grep orders
  varve topic list --bootstrap kafka-1:9092,kafka-2:9092 --json | jq .partitions`,
    )
    .action(async (flags: ListFlags) => (await import('./list.js')).listTopics(flags));
}

function addDescribe(topic: Command): void {
  const command = topic
    .command('describe')
    .description('show settings, partitions, leaders, in-sync replicas and offsets')
    .argument('[name...]', 'topics (default: all but internal ones)')
    .option('--internal', 'without names: internal topics too')
    .option('--under-replicated', 'only partitions with replicas that are not in sync')
    .option('--json', 'one JSON object a topic');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve topic describe orders
  varve topic describe --under-replicated
  varve topic describe orders --json | jq '.partitions[] | select(.leader == -1)'

Only settings that differ from the brokers' defaults are shown. Offsets of a partition without a leader are left out.`,
    )
    .action(async (names: string[], flags: DescribeFlags) =>
      (await import('./describe.js')).describeTopics(names, flags),
    );
}

function addAlter(topic: Command): void {
  const command = topic
    .command('alter')
    .description('change settings, or add partitions')
    .argument('<name>', 'the topic')
    .option('-p, --partitions <n>', 'how many there are to be: more than now', wholeNumberFrom(1))
    .option('-c, --config <name=value>', 'set; repeat for more', nameAndValue)
    .option('--delete-config <name>', 'back to the default; repeat for more', several)
    .option('--json', 'what was changed as one JSON object');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve topic alter orders --config retention.ms=86400000
  varve topic alter orders --delete-config retention.ms
  varve topic alter orders --partitions 24

More partitions send records of a key elsewhere than before. The cluster places new replicas.`,
    )
    .action(async (name: string, flags: AlterFlags) =>
      (await import('./alter.js')).alterTopic(name, flags),
    );
}

function addDelete(topic: Command): void {
  const command = topic
    .command('delete')
    .description('delete topics with all their records')
    .argument('<name...>', 'their names')
    .option('--if-exists', 'a topic that is not there is no error')
    .option('--json', 'one JSON object a topic');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve topic delete orders
  varve topic delete $(varve topic list --quiet | grep ^test-)

Does not ask. Other topics are deleted although one of them fails; the exit code is 1 then.`,
    )
    .action(async (names: string[], flags: DeleteFlags) =>
      (await import('./delete.js')).deleteTopics(names, flags),
    );
}
