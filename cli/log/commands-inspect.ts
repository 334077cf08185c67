import type { Command } from 'commander';
import { dump } from './dump.js';
import { repair } from './repair.js';
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
