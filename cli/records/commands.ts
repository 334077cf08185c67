import { type Command, Option } from 'commander';
import type { CompressionType } from '../../engine/types.js';
import { byteCount, nameAndValue, separator, wholeNumber, wholeNumberFrom } from '../arguments.js';
import { addConnectionOptions } from '../client/connection-flags.js';
import type { ConsumeFlags, ProduceFlags } from './flags.js';
import { partitionList, placeOf, untilOf } from './places.js';

const CODECS: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** `varve produce` */
export function addProduceCommand(program: Command): void {
  const command = program
    .command('produce')
    .description('send lines of stdin or a file to a topic of varve or Kafka')
    .argument('<topic>', 'the topic')
    .option('--from <file>', 'what to send; - for stdin', '-')
    .option(
      '-K, --key-separator <text>',
      'each line is key, this text, value; \\t and \\0 are understood',
      separator,
    )
    .option('--null-value <text>', 'a value that is this text is sent as null: a deletion')
    .option('-H, --header <name=value>', 'a header of every record; repeat for more', nameAndValue)
    .option('-p, --partition <n>', 'send everything there', wholeNumber)
    .addOption(
      new Option('--acks <acks>', 'who must have a record: nobody, the leader, all in sync')
        .choices(['0', '1', 'all'])
        .default('all'),
    )
    .addOption(
      new Option('-z, --compression <codec>', 'of batches').choices(CODECS).default('none'),
    )
    .option('--batch-bytes <bytes>', 'send when so much has gathered', byteCount(1), 65_536)
    .option('--linger-ms <ms>', 'send what there is when input pauses for so long', wholeNumber, 20)
    .option('--json', 'each line is a record as varve consume --json prints it')
    .option('--report', 'print each batch’s partition, first offset and count as JSON');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve produce orders < orders.txt
  tail -f app.log | varve produce logs --compression lz4
  varve produce users --key-separator : --from users.txt
  echo '{"key":"k","value":"v","headers":[{"key":"h","value":"1"}]}' | varve produce orders --json
  varve consume orders --json --until end | varve produce copy --json

A line of --json has any of key, value, headers and timestamp: text, null, or {"base64":"..."} for bytes. What else
varve consume --json prints of a record (topic, partition, offset) is left aside.
Keys choose partitions as in Kafka's own clients; records without a key fill one partition's batch after the other.
With acks all, retries do not make duplicates.
Exit codes: 0 all acknowledged, 1 failed, 2 wrong usage, 130 interrupted, after sending what was read.`,
    )
    .action(async (topic: string, flags: ProduceFlags) =>
      (await import('./produce.js')).produce(topic, flags),
    );
}

/** `varve consume` */
export function addConsumeCommand(program: Command): void {
  const command = program
    .command('consume')
    .description('print records of topics of varve or Kafka, alone or as a member of a group')
    .argument('<topic...>', 'topics')
    .option('-g, --group <group>', 'share partitions with the group’s members, and commit')
    .addOption(
      new Option(
        '-f, --from <place>',
        'beginning, end, an offset, -N for the last N, or a time (2024-01-31T12:00Z, @milliseconds)',
      ).argParser(placeOf),
    )
    .addOption(
      new Option(
        '-u, --until <place>',
        'end: what is there at the start; an offset; or a time',
      ).argParser(untilOf),
    )
    .option('-n, --count <n>', 'stop after so many records', wholeNumberFrom(1))
    .option('-p, --partition <n,...>', 'these partitions only; not in a group', partitionList)
    .addOption(
      new Option('--isolation <level>', 'of transactions')
        .choices(['read_uncommitted', 'read_committed'])
        .default('read_uncommitted'),
    )
    .option('--no-commit', 'in a group: leave its offsets as they are')
    .option('-k, --keys', 'print keys')
    .option('-H, --headers', 'print headers')
    .option('-t, --timestamps', 'print timestamps')
    .option('-o, --offsets', 'print topic, partition and offset')
    .option('--separator <text>', 'between what is printed of a record', separator, '\t')
    .option('--json', 'one JSON object a record, with everything');
  addConnectionOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve consume orders                                  what comes from now on
  varve consume orders --from beginning --until end     what is there
  varve consume orders --from -10                       the last ten of each partition, then what comes
  varve consume orders --from 2024-01-31T12:00Z --until 2024-01-31T13:00Z --json
  varve consume orders --group billing --count 100 --keys --timestamps

Without --group it starts at the end unless --from says otherwise. A group goes on where it has committed; --from
(beginning or end) says where to start partitions without a commit, and offsets are committed when their records are
printed: varve group reset moves them. A null value prints as an empty line, a null key as nothing; --json tells them
apart, and gives bytes that are not UTF-8 as {"base64": "..."}. Ctrl-C stops in order, with exit code 130.`,
    )
    .action(async (topics: string[], flags: ConsumeFlags) =>
      (await import('./consume.js')).consume(topics, flags),
    );
}
