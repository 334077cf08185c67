import { Logger } from '../operations/logger.js';
import type { ServerFlags } from './flags.js';

/** The log that the flags ask for. `write` takes lines of text, where they share a terminal with something else. */
export function serverLog(flags: ServerFlags, write?: (line: string) => void): Logger {
  const format = flags.logFormat ?? (process.stderr.isTTY ? 'text' : 'json');
  return new Logger({
    level: flags.logLevel,
    format,
    ...(write !== undefined && { write }),
  });
}
