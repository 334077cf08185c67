import picocolors from 'picocolors';

/**
 * Colours for a terminal and for nothing else: picocolors alone also colours what a pipe gets where CI is set.
 * NO_COLOR takes them away from a terminal, FORCE_COLOR gives them to a pipe.
 */
const { env, stdout } = process;
export const colors = picocolors.createColors(
  !env.NO_COLOR && (Boolean(env.FORCE_COLOR) || stdout.isTTY === true),
);
