import type { Command } from 'commander';
import { timestamp, wholeNumber } from '../arguments.js';
import { UsageError } from '../run-program.js';
import { dump } from './dump.js';
import { find } from './find.js';
import { repair } from './repair.js';
import { stats } from './stats.js';
import { verify } from './verify.js';

interface VerifyFlags {
  records: boolean;
  json?: true;
}

export function addVerifyCommand(log: Command): void {
  log
    .command('verify')
    .description('check batches, records, indexes, epochs, snapshots and checkpoints')
    .argument(
      '<path>',
      'file, partition directory or data directory; varve’s or Kafka’s, also in use',
    )
    .option('--no-records', 'check structure and checksums only: faster')
    .option('--json', 'one JSON object a line: findings, partitions, a summary')
    .addHelpText(
      'after',
      `
Examples:
  varve log verify events-0
  varve log verify /var/lib/kafka/data
  varve log verify events-0/00000000000000000000.index
  varve log verify /var/lib/kafka/data --json | jq 'select(.severity == "damage")'

Writes nothing. Zeros behind the data of a log that is in use or was killed are reserved space and no damage.
Exit codes: 0 no damage, 1 damage found or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action((path: string, flags: VerifyFlags) =>
      verify(path, { checkRecords: flags.records, json: flags.json ?? false }),
    );
}

interface DumpFlags {
  printData?: true;
  json?: true;
}

export function addDumpCommand(log: Command): void {
  log
    .command('dump')
    .description('print batches, records, index entries, snapshots and checkpoints')
    .argument(
      '<path>',
      'file, partition directory or data directory; varve’s or Kafka’s, also in use',
    )
    .option('--print-data', 'the records too')
    .option('--json', 'one JSON object a line, with Kafka’s names for the fields')
    .addHelpText(
      'after',
      `
Examples:
  varve log dump events-0
  varve log dump events-0/00000000000000000000.log --print-data | less
  varve log dump /var/lib/kafka/data/orders-0 --json | jq 'select(.type == "batch" and .codec == "none")'
  varve log dump /var/lib/kafka/data/recovery-point-offset-checkpoint

What Kafka's DumpLogSegments prints, and the ratio of compression (bytes of records before and after).
Exit codes: 0 done, 1 damage found or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action((path: string, flags: DumpFlags) =>
      dump(path, { printData: flags.printData ?? false, json: flags.json ?? false }),
    );
}

interface RepairFlags {
  dryRun?: true;
  json?: true;
}

export function addRepairCommand(log: Command): void {
  log
    .command('repair')
    .description(
      'cut a log at its first damage and rebuild its side files; keeps what it takes away',
    )
    .argument('<dir>', 'partition directory or data directory that nobody has open')
    .option('--dry-run', 'say what a repair would do, and write nothing')
    .option('--json', 'one JSON object a line: actions, then one for each partition')
    .addHelpText(
      'after',
      `
Examples:
  varve log repair events-0 --dry-run
  varve log repair events-0
  varve log repair /var/lib/kafka/data --json

By the rules of Kafka's recovery a log ends before its first damaged batch. What is cut is kept beside it in
FILE.from-POSITION.set-aside; later segments and damaged side files are renamed to FILE.set-aside. Indexes, epochs
and snapshots are built again from the log, and the result is verified. Refuses a directory that is locked.
Exit codes: 0 nothing to do or repaired, 1 damage is left (with --dry-run: found) or failed, 2 wrong usage.`,
    )
    .action((path: string, flags: RepairFlags) =>
      repair(path, { dryRun: flags.dryRun ?? false, json: flags.json ?? false }),
    );
}

interface StatsFlags {
  ratios: boolean;
  json?: true;
}

export function addStatsCommand(log: Command): void {
  log
    .command('stats')
    .description('count records, batches, bytes, codecs, producers and epochs')
    .argument('<path>', '.log file, partition directory or data directory; also in use')
    .option('--no-ratios', 'do not decompress: faster, without ratios of compression')
    .option('--json', 'one JSON object a partition')
    .addHelpText(
      'after',
      `
Examples:
  varve log stats events-0
  varve log stats /var/lib/kafka/data
  varve log stats /var/lib/kafka/data --json | jq -r '[.path, .bytes] | @tsv'

Reads every batch, but checks no checksums: that is varve log verify. Records are data records; transaction markers
are counted as control batches. Exit codes: 0 done, 1 damage met or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action((path: string, flags: StatsFlags) =>
      stats(path, { ratios: flags.ratios, json: flags.json ?? false }),
    );
}

interface FindFlags {
  offset?: number;
  timestamp?: number;
  key?: string;
  keyHex?: string;
  limit?: number;
  json?: true;
}

export function addFindCommand(log: Command): void {
  log
    .command('find')
    .description('say where a record is: file, position, batch')
    .argument('<dir>', 'partition directory, also one that is in use')
    .option('--offset <n>', 'the record at this offset, or the next one there is', wholeNumber)
    .option(
      '--timestamp <time>',
      'the first record at or after this time: milliseconds or ISO 8601',
      timestamp,
    )
    .option('--key <text>', 'every record with this key, by reading the whole log')
    .option('--key-hex <bytes>', 'the same for a key that is no text')
    .option('--limit <n>', 'with --key, stop after so many records', wholeNumber)
    .option('--json', 'one JSON object a record')
    .addHelpText(
      'after',
      `
Examples:
  varve log find events-0 --offset 123456
  varve log find events-0 --timestamp 2024-01-31T12:00:00Z
  varve log find /var/lib/kafka/data/orders-0 --key customer-17 --limit 1

Exit codes: 0 found, 1 not found or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action((directory: string, flags: FindFlags) => {
      const asked = [flags.offset, flags.timestamp, flags.key, flags.keyHex];
      if (asked.filter((value) => value !== undefined).length !== 1) {
        throw new UsageError('give one of --offset, --timestamp, --key and --key-hex');
      }
      return find(directory, {
        offset: flags.offset,
        timestampMs: flags.timestamp,
        key: keyOf(flags),
        limit: flags.limit ?? Number.POSITIVE_INFINITY,
        json: flags.json ?? false,
      });
    });
}

function keyOf({ key, keyHex }: FindFlags): Buffer | undefined {
  if (keyHex === undefined) return key === undefined ? undefined : Buffer.from(key);
  if (/^(?:[0-9a-f]{2})*$/i.test(keyHex)) return Buffer.from(keyHex, 'hex');
  throw new UsageError(`--key-hex ${keyHex} is not an even number of hexadecimal digits`);
}
