import type { Environment } from './environment.js';

export function describeMachine(environment: Environment): string {
  return (
    `${environment.cpuModel.trim()}, ${environment.cores} cores, ${Math.round(environment.memoryBytes / 2 ** 30)} GiB, ` +
    `${environment.platform} ${environment.kernel}, ${environment.fileSystem}, Node ${environment.nodeVersion}`
  );
}

/** Three significant digits with a unit people know. */
export function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e8 ? 0 : value >= 1e7 ? 1 : 2)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
  return value.toFixed(0);
}

export function rate(bytesPerSecond: number): string {
  return bytesPerSecond >= 1e9
    ? `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`
    : `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}

export function micros(us: number | undefined): string {
  if (us === undefined) return '-';
  if (us >= 1e6) return `${(us / 1e6).toFixed(1)} s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(us >= 1e4 ? 0 : 1)} ms`;
  return `${us.toFixed(us >= 100 ? 0 : us >= 10 ? 1 : 2)} us`;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value.toFixed(value < 10 ? 1 : 0)} %`;
}
