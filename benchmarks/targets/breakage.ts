import { diskFull, isDiskFull } from '../model/disk-full.js';
import { BenchError } from './target.js';

/** The first thing that went wrong with what is measured and that nobody of the suite has asked for. */
export class Breakage {
  /** Never resolves when all goes well. */
  readonly first: Promise<BenchError>;
  #resolve: (error: BenchError) => void = () => undefined;

  constructor() {
    this.first = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  report(error: BenchError): void {
    this.#resolve(error);
  }
}

/** `by SIGKILL`, `with exit code 1` */
export function endingOf(code: number | null, signal: string | null): string {
  return signal === null ? `with exit code ${code}` : `by ${signal}`;
}

/**
 * A process of what is measured has ended, and nobody of the suite has asked for it.
 * @param said What it wrote last; may be empty.
 */
export function endedByItself(who: string, how: string, said: string): BenchError {
  const text = `${who} ended ${how} in the middle of a run, and the suite has not asked for it`;
  const last = said === '' ? '' : `. It said: ${said}`;
  if (isDiskFull(new Error(said))) return diskFull(`${text}${last}`);
  return new BenchError(
    'TARGET_FAILED',
    `${text}: what was measured until then is not kept${last}. See who ends processes here (the kernel, when memory runs out: dmesg), and run it again`,
  );
}
