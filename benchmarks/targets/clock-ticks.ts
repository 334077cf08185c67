import { spawnSync } from 'node:child_process';

let known: number | null = null;

/** Of the times in /proc (sysconf CLK_TCK). */
export function ticksPerSecond(): number {
  if (known === null) {
    const said = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
    // Every Linux that Node runs on says 100; without the program there is nobody else to ask.
    known = said > 0 ? said : 100;
  }
  return known;
}
