/** Tells how far a long run is. */
export interface Progress {
  begin(steps: number): void;
  /** The next step starts. */
  step(what: string): void;
  end(): void;
}

/** The part of a terminal stream that progress needs. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const PLAIN_LINE_EVERY_MS = 5000;

/** One line that rewrites itself on a terminal; elsewhere a plain line every five seconds. */
export function createProgress(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): Progress {
  let steps = 0;
  let done = -1;
  let startedMs = 0;
  let printedMs = Number.NEGATIVE_INFINITY;
  return {
    begin(count) {
      steps = count;
      done = -1;
      startedMs = now();
    },
    step(what) {
      done += 1;
      const line = `[${done + 1}/${steps}] ${what}${remaining(done, steps, now() - startedMs)}`;
      if (stream.isTTY === true) {
        stream.write(`\r\x1b[2K${line.slice(0, (stream.columns ?? 80) - 1)}`);
      } else if (now() - printedMs >= PLAIN_LINE_EVERY_MS) {
        printedMs = now();
        stream.write(`${line}\n`);
      }
    },
    end() {
      if (stream.isTTY === true) stream.write('\r\x1b[2K');
    },
  };
}

/** Too early to tell before a few steps are done. */
function remaining(done: number, steps: number, elapsedMs: number): string {
  if (done < 4) return '';
  const leftMs = (elapsedMs / done) * (steps - done);
  return leftMs >= 120_000
    ? `, about ${Math.round(leftMs / 60_000)} min left`
    : `, about ${Math.ceil(leftMs / 1000)} s left`;
}
