/**
 * Figures for people, three significant digits and a unit. Everything here can be read back by `quantities.ts` where the
 * unit exists there. Rates and sizes of data are decimal (MB/s) unless the size is a power of two's multiple, as knobs are.
 */

const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 16 KiB, 1.5 kB, 100 B: binary where that is exact. */
export function bytesText(bytes: number): string {
  if (bytes >= 1024 && Number.isInteger(bytes) && bytes % 256 === 0) {
    const at = Math.min(BINARY.length - 1, Math.floor(Math.log2(bytes) / 10));
    const scaled = bytes / 1024 ** at;
    if (Number.isInteger(scaled * 4)) return `${scaled} ${BINARY[at] as string}`;
  }
  return scaledText(bytes, DECIMAL);
}

/** 52.4 MB/s */
export function byteRateText(bytesPerSecond: number): string {
  return `${scaledText(bytesPerSecond, DECIMAL)}/s`;
}

/** 1,234 or 12.3 k or 4.56 M. */
export function countText(count: number): string {
  if (Math.abs(count) < 10_000) return digits(count);
  return scaledText(count, ['', 'k', 'M', 'G', 'T']);
}

/** 12.3 us, 4.56 ms, 1.2 s */
export function microsText(us: number): string {
  if (us < 1000) return `${digits(us)} us`;
  if (us < 1e6) return `${digits(us / 1e3)} ms`;
  return secondsText(us / 1e6);
}

export function millisText(ms: number): string {
  return microsText(ms * 1e3);
}

/** 45 s, 12 min, 3.5 h, 7 d */
export function secondsText(seconds: number): string {
  if (seconds < 120) return `${digits(seconds)} s`;
  if (seconds < 7200) return `${digits(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${digits(seconds / 3600)} h`;
  return `${digits(seconds / 86_400)} d`;
}

/** 0.123 -> 12 %; small shares keep a digit. */
export function percentText(share: number): string {
  const percent = share * 100;
  return `${Math.abs(percent) < 10 ? trimmed(percent.toFixed(1)) : percent.toFixed(0)} %`;
}

/** 1.52x */
export function ratioText(ratio: number): string {
  return `${ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(3)}x`;
}

/** +5.2 % or -31 %: how far from 1 a ratio is. */
export function changeText(ratio: number): string {
  const change = (ratio - 1) * 100;
  const size = Math.abs(change) < 10 ? trimmed(change.toFixed(1)) : change.toFixed(0);
  return `${change > 0 && size !== '0' ? '+' : ''}${size === '-0' ? '0' : size} %`;
}

/** 1 partition, 2 partitions */
export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Three significant digits, without zeros that say nothing. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size >= 100) return value.toFixed(0);
  return trimmed(value.toFixed(Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(size))))));
}

function scaledText(value: number, units: readonly string[]): string {
  if (value === 0) return `0 ${units[0] as string}`.trim();
  let at = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-12)),
  );
  // 999.9 kB would round to 1,000 kB.
  if (at < units.length - 1 && Number((Math.abs(value) / 1e3 ** at).toPrecision(3)) >= 1000)
    at += 1;
  return `${digits(value / 1e3 ** at)} ${units[at] as string}`.trim();
}

function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
