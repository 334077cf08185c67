import { type Command, Option } from 'commander';
import { DEFAULT_MAX_MESSAGE_BYTES } from '../../engine/format/layout.js';
import { COMPRESSION_TYPES, type CompressionType } from '../../engine/types.js';
import { byteCount, wholeNumber } from '../arguments.js';
import { appendLines } from './append.js';
import { catRecords } from './cat.js';

interface AppendFlags {
  from: string;
  batchBytes: number;
  maxMessageBytes: number;
  compression: CompressionType;
  durable?: true;
  json?: true;
}

export function addAppendCommand(log: Command): void {
  log
    .command('append')
    .description('append a file or stdin to a partition, a line a record')
    .argument('<dir>', 'partition directory; made if it is not there')
    .requiredOption('--from <file>', 'what to append; - for stdin')
    .option(
      '--batch-bytes <bytes>',
      'gather lines into batches of about this size',
      byteCount(1),
      65536,
    )
    .option(
      '--max-message-bytes <bytes>',
      'largest batch, and so the largest line',
      byteCount(1024),
      DEFAULT_MAX_MESSAGE_BYTES,
    )
    .addOption(
      new Option('--compression <codec>', 'codec of the batches')
        .choices(COMPRESSION_TYPES)
        .default('none'),
    )
    .option('--durable', 'sync after every batch, not only at the end')
    .option('--json', 'report as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  varve log append events-0 --from access.log
  tail -f app.log | varve log append app-0 --from - --durable
  varve log append events-0 --from big.ndjson --compression zstd --batch-bytes 1MiB

Lines are taken as bytes: \\r and invalid UTF-8 stay as they are. Everything is on disk when the command ends;
Ctrl-C keeps what was appended. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`,
    )
    .action((directory: string, flags: AppendFlags) => {
      const batchBytes = Math.min(flags.batchBytes, flags.maxMessageBytes);
      const { durable = false, json = false } = flags;
      return appendLines(directory, { ...flags, batchBytes, durable, json });
    });
}

interface CatFlags {
  fromOffset?: number;
  toOffset?: number;
  json?: true;
}

export function addCatCommand(log: Command): void {
  log
    .command('cat')
    .description('print the values of a partition’s records, a line each')
    .argument('<dir>', 'partition directory, also one that is in use')
    .option('--from-offset <n>', 'first record to print (default: the log start)', wholeNumber)
    .option('--to-offset <n>', 'stop before this record (default: the log end)', wholeNumber)
    .option('--json', 'one JSON object a record: offset, timestamp, key, value, headers')
    .addHelpText(
      'after',
      `
Examples:
  varve log cat events-0 > access.log
  varve log cat events-0 --from-offset 1000 --to-offset 1010
  varve log cat /var/lib/kafka/data/orders-3 --json | jq .value

Gives back byte for byte what append was given. A null value prints as an empty line; transaction markers are
left out, records of aborted transactions are not. With --json, bytes that are not UTF-8 become {"base64": "..."}.
Stops with exit code 1 at damage, after everything before it.`,
    )
    .action((directory: string, flags: CatFlags) =>
      catRecords(directory, {
        fromOffset: flags.fromOffset ?? 0,
        toOffset: flags.toOffset ?? Number.MAX_SAFE_INTEGER,
        json: flags.json ?? false,
      }),
    );
}
