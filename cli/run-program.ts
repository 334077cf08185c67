import { Command, CommanderError } from 'commander';
import { type BenchErrorCode, isBenchError } from '../benchmarks/model/bench-error.js';
import { isVarveError, VarveError } from '../engine/errors.js';
import { RemoteError } from './client/client-error.js';
import { version } from './version.js';

export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command did its work, and what it found is bad news that it has already told: exit 1, nothing more said. */
export class FoundDamage extends Error {}

/** Usage that commander cannot see for itself. */
export class UsageError extends Error {}

/** `varve` without its commands. */
export function newProgram(): Command {
  return new Command('varve')
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
}

/**
 * Runs the command line: one line on stderr for an error, exit codes that scripts can use, and a first Ctrl-C that
 * lets the command clean up (its abort signal) before the second one kills.
 */
export async function runProgram(program: Command): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader went away (`varve log cat ... | head`): not an error.
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
  program.exitOverride();
  for (const command of program.commands) exitOverrideAll(command);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function exitOverrideAll(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitOverrideAll(child);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof FoundDamage) return EXIT.failed;
  if (error instanceof UsageError) {
    process.stderr.write(`varve: ${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof RemoteError) {
    process.stderr.write(`varve: ${error.message} [${error.code}]\n`);
    return EXIT.failed;
  }
  if (isVarveError(error)) {
    process.stderr.write(`varve: ${error.message} [${error.code}]\n`);
    return error.code === 'ABORTED' ? EXIT.interrupted : EXIT.failed;
  }
  if (isBenchError(error)) {
    process.stderr.write(`varve: ${error.message} [${error.code}]\n`);
    if (error.code === 'INTERRUPTED') return EXIT.interrupted;
    return ASKED_WRONGLY.has(error.code) ? EXIT.usage : EXIT.failed;
  }
  process.stderr.write(
    `varve: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.failed;
}

const ASKED_WRONGLY: ReadonlySet<BenchErrorCode> = new Set([
  'INVALID_KNOB',
  'INVALID_SUITE',
  'INVALID_PAYLOAD',
  'INVALID_RESULT',
]);

let interrupted: AbortController | null = null;

/** Aborts at the first SIGINT or SIGTERM; the next one ends the process at once. */
export function interruptSignal(): AbortSignal {
  if (interrupted === null) {
    const controller = new AbortController();
    interrupted = controller;
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () =>
        controller.abort(new VarveError('ABORTED', `interrupted by ${name}`)),
      );
    }
  }
  return interrupted.signal;
}
