#!/usr/bin/env node
import { Command } from 'commander';
import { addLogCommands } from './log/commands.js';
import { runProgram } from './run-program.js';
import { version } from './version.js';

const program = new Command('varve')
  .description('A Kafka-format partition log: look into it, mend it, write to it and read from it.')
  .version(version())
  .addHelpText(
    'after',
    `
Examples:
  varve log append events-0 --from access.log   append a file, a line a record
  varve log cat events-0                        print the records again
  varve log verify /var/lib/kafka/data          check a data directory, Kafka's own included
  varve log dump events-0 --json                every batch as one JSON object a line

Exit codes: 0 done, 1 damage found or work failed, 2 wrong usage, 130 interrupted.`,
  );

addLogCommands(program);
await runProgram(program);
