import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseWholeNumber } from '../../benchmarks/model/written-number.js';
import { several } from '../arguments.js';
import { addConnectionOptions } from '../client/connection-flags.js';
import { placeOf } from '../records/places.js';
import type {
  DeleteFlags,
  DescribeFlags,
  ListFlags,
  ResetFlags,
  TopicPartitions,
} from './flags.js';

/** `varve group ...` */
export function addGroupCommands(program: Command): void {
  const group = program
    .command('group')
    .description('consumer groups of varve or Kafka: members, lag, offsets');
  addList(group);
  addDescribe(group);
  addReset(group);
  addDelete(group);
}

function addList(group: Command): void {
  const command = group
    .command('list')
    .description('list groups')
    .option('--state <state>', 'only these: Stable, Empty, ...; repeat for more', several)
    .option('-q, --quiet', 'names only, one a line')
    .option('--json', 'one JSON object a group');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve group list
  varve group list --state Empty --quiet`,
    )
    .action(async (flags: ListFlags) => (await import('./list.js')).listGroups(flags));
}

function addDescribe(group: Command): void {
  const command = group
    .command('describe')
    .description('show committed offsets, lag, and who reads what')
    .argument('[group...]', 'groups')
    .option('-a, --all', 'all groups')
    .option('-m, --members', 'members and their partitions in place of offsets')
    .option('--json', 'one JSON object a group, with everything');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve group describe billing
  varve group describe billing --members
  varve group describe --all --json | jq '{group, lag}'

LAG is how many offsets the group is behind the end of a partition; - where it has committed nothing.`,
    )
    .action(async (groups: string[], flags: DescribeFlags) =>
      (await import('./describe.js')).describeGroups(groups, flags),
    );
}

function addReset(group: Command): void {
  const command = group
    .command('reset')
    .description('move a group’s committed offsets; shows what it would do unless told to do it')
    .argument('<group>', 'a group without members')
    .option('-t, --topic <topic[:n,...]>', 'all or some of its partitions; repeat for more', topics)
    .option('--all-topics', 'all that the group has committed for')
    .addOption(
      new Option(
        '--to <place>',
        'beginning, end, an offset, -N for N before the end, or a time (2024-01-31T12:00Z, @milliseconds)',
      ).argParser(placeOf),
    )
    .option('--by <n>', 'forward, or back if negative, from where each partition is', signedNumber)
    .option('--dry-run', 'only show what would be done; the default')
    .option('--execute', 'do it')
    .option('--json', 'one JSON object a partition');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve group reset billing --topic orders --to beginning
  varve group reset billing --topic orders:0,3 --to 2024-01-31T12:00Z --execute
  varve group reset billing --all-topics --by -100 --execute

Offsets outside the log are moved to its nearest end. A group that does not exist is made.`,
    )
    .action(async (name: string, flags: ResetFlags) =>
      (await import('./reset.js')).resetGroup(name, flags),
    );
}

function topics(text: string, before: readonly TopicPartitions[] | undefined): TopicPartitions[] {
  const match = /^([^:\s]+)(?::(\d{1,9}(?:,\d{1,9})*))?$/.exec(text);
  const topic = match?.[1];
  if (topic === undefined) {
    throw new InvalidArgumentError('It is a topic, or topic:0,1,2 for some partitions.');
  }
  return [...(before ?? []), { topic, partitions: match?.[2]?.split(',').map(Number) }];
}

function signedNumber(text: string): number {
  const size = parseWholeNumber(text.replace(/^[+-]/, ''));
  if (!Number.isNaN(size)) return text.startsWith('-') ? -size : size;
  throw new InvalidArgumentError('It is a whole number, negative to go back.');
}

function addDelete(group: Command): void {
  const command = group
    .command('delete')
    .description('delete groups with their offsets, or their offsets of some topics')
    .argument('<group...>', 'groups without members')
    .option('-t, --topic <topic>', 'only the offsets of this topic; repeat for more', several)
    .option('--json', 'one JSON object a group');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve group delete billing
  varve group delete billing --topic orders

Does not ask. Other groups are deleted although one of them fails; the exit code is 1 then.`,
    )
    .action(async (groups: string[], flags: DeleteFlags) =>
      (await import('./delete.js')).deleteGroups(groups, flags),
    );
}
