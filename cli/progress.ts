import { colors as pc } from './colors.js';

/**
 * Progress of work that may take over a second: one line on stderr, rewritten in place, only on a terminal and only
 * once the work has taken a second. Silent otherwise, so that logs and pipes stay clean.
 */
export class Progress {
  readonly #label: string;
  readonly #unit: 'bytes' | 'records' | 'partitions';
  readonly #startedMs = performance.now();
  #shownMs = 0;
  #isShown = false;

  constructor(label: string, unit: 'bytes' | 'records' | 'partitions') {
    this.#label = label;
    this.#unit = unit;
  }

  update(done: number, total: number | null): void {
    const nowMs = performance.now();
    if (!process.stderr.isTTY || nowMs - this.#startedMs < 1000 || nowMs - this.#shownMs < 100)
      return;
    this.#shownMs = nowMs;
    this.#isShown = true;
    const perSecond = (done / (nowMs - this.#startedMs)) * 1000;
    const share = total === null || total === 0 ? '' : ` ${Math.floor((done / total) * 100)}%`;
    const line = `${this.#label}${share}  ${this.#format(done)}  ${this.#format(perSecond)}/s`;
    process.stderr.write(`\r\x1b[2K${pc.dim(line)}`);
  }

  end(): void {
    if (this.#isShown) process.stderr.write('\r\x1b[2K');
    this.#isShown = false;
  }

  #format(value: number): string {
    return this.#unit === 'bytes' ? formatBytes(value) : `${formatCount(value)} ${this.#unit}`;
  }
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
