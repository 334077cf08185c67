import { type Command, InvalidArgumentError } from 'commander';
import {
  parseByteRate,
  parseBytes,
  parseDuration,
  parseFactor,
} from '../../benchmarks/model/quantities.js';
import { wholeNumberFrom } from '../arguments.js';
import { addMeasureOptions, bound, readableFile, seconds, usage } from '../bench/flags.js';
import { addConnectionOptions } from '../client/connection-flags.js';
import type { AdviseFlags } from './advise.js';
import type { WatchFlags } from './watch.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** `varve advise` */
export function addAdviseCommand(program: Command): void {
  const command = program
    .command('advise')
    .description('what to set for a load, measured here: partitions, replicas, acks, batches, disk')
    .requiredOption('--rate <rate>', 'records of all producers together: 50MB/s, 20000/s', rateText)
    .option(
      '--record <size>',
      'bytes of a record: 1KiB',
      (text) => usage(() => parseBytes(text)),
      1024,
    )
    .option('--p99 <time>', 'publish latency that 99 of 100 records keep: 20ms', duration)
    .option('--slo <bound>', 'another bound: e2e.p99.9=50ms', bound)
    .option(
      '--survive <n>',
      'brokers that may be lost without losing a record',
      wholeNumberFrom(0, 8),
      1,
    )
    .option('--power', 'acknowledged means on disk: power failures are survived too')
    .option('--consumer-rate <rate>', 'what one consumer of yours gets through: 5MB/s', byteRate)
    .option(
      '--growth <factor>',
      'how much more there will be: 3x',
      (text) => usage(() => parseFactor(text)),
      1,
    )
    .option('--retention <time>', 'how long records are kept: 7d', duration, 7 * DAY_MS)
    .option(
      '--target <name>',
      'what is measured: cluster, local-kafka, kafka://host:port,...',
      'cluster',
    )
    .option('--brokers <n>', 'brokers of it', wholeNumberFrom(1, 9), 3)
    .option(
      '--result <file>',
      'take measurements from this result instead of making them',
      readableFile,
    )
    .option('--repeat <n>', 'runs of each measurement', wholeNumberFrom(1, 20), 3)
    .option('--warmup <time>', 'before each', seconds, 0.5)
    .option('--seconds <time>', 'measured window of each', seconds, 2)
    .option('--json', 'the advice as JSON');
  addMeasureOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve advise --rate 50MB/s --record 1KiB --p99 20ms --survive 1 --consumer-rate 5MB/s --growth 3x
  varve advise --rate 20000/s --record 200 --p99 10ms --power
  varve advise --rate 10MB/s --p99 50ms --target local-kafka
  varve advise watch billing --bootstrap 127.0.0.1:9092

It measures what one partition carries and how more add up, chooses, and runs its choice at the asked rate.
Exit codes: 0 the recommended setting was seen to do it, 1 it was not, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (flags: AdviseFlags) => (await import('./advise.js')).runAdvise(flags));
  addWatch(command);
}

function addWatch(advise: Command): void {
  const command = advise
    .command('watch')
    .description('look at a group of a running cluster: would more partitions or consumers help?')
    .argument('<group>', 'its name')
    .option('--topic <name>', 'of its topics (default: the one with the most lag)')
    .option('--for <time>', 'how long to look', seconds, 30)
    .option('--every <time>', 'between looks', seconds, 3)
    .option('--json', 'the verdict as JSON');
  addConnectionOptions(command)
    .addHelpText('after', '\nExamples:\n  varve advise watch billing --for 1m')
    .action(async (group: string, _: unknown, self: Command) =>
      (await import('./watch.js')).watchGroup(group, self.opts() as WatchFlags),
    );
}

function duration(text: string): number {
  return usage(() => parseDuration(text));
}

function byteRate(text: string): number {
  return usage(() => parseByteRate(text));
}

/** Records a second need the size of a record, which another flag gives: checked here, resolved there. */
function rateText(text: string): string {
  try {
    parseByteRate(text, 'a rate', { recordBytes: 1 });
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return text;
}
