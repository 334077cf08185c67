import type { Command } from 'commander';
import {
  addDumpCommand,
  addFindCommand,
  addRepairCommand,
  addStatsCommand,
  addVerifyCommand,
} from './commands-inspect.js';
import { addAppendCommand, addCatCommand } from './commands-records.js';

/** `varve log ...` */
export function addLogCommands(program: Command): void {
  const log = program
    .command('log')
    .description('look into, check, mend, write and read partition logs')
    .addHelpText(
      'after',
      `
PATH is a partition directory, a data directory with many, or one file: varve's or Kafka's own, also while its
owner is running. Only append and repair take the directory's lock and write.`,
    );
  addAppendCommand(log);
  addCatCommand(log);
  addDumpCommand(log);
  addVerifyCommand(log);
  addRepairCommand(log);
  addStatsCommand(log);
  addFindCommand(log);
}
