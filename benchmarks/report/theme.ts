/** Colours of the page and of its pictures, once: CSS variables and chart options are both made from here. */
export interface Palette {
  readonly page: string;
  readonly card: string;
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly accent: string;
  readonly good: string;
  readonly bad: string;
  readonly series: readonly string[];
  /** Low to high. */
  readonly ramp: readonly string[];
  readonly missing: string;
}

export type ThemeName = 'light' | 'dark';

/** Sand over silt over deep water: the layers that the project is named after. */
export const PALETTES: Readonly<Record<ThemeName, Palette>> = {
  light: {
    page: '#faf7f2',
    card: '#ffffff',
    ink: '#1d2226',
    quiet: '#5b6269',
    line: '#e4ddd2',
    accent: '#0b6b82',
    good: '#2c7a4b',
    bad: '#b5442c',
    series: ['#0b6b82', '#c2571a', '#5b4bb7', '#7d6c0c', '#b0326b', '#2c7a4b'],
    ramp: ['#f4ead8', '#d9dcc0', '#9fcbb9', '#56abae', '#1f7f95', '#0b4f6c'],
    missing: '#efeae1',
  },
  dark: {
    page: '#12171a',
    card: '#1a2125',
    ink: '#e9ecea',
    quiet: '#a0abb0',
    line: '#2e383d',
    accent: '#5cc8dd',
    good: '#7fcf97',
    bad: '#f08a70',
    series: ['#5cc8dd', '#f0a05e', '#b0a4fa', '#d9c650', '#f283b3', '#7fcf97'],
    ramp: ['#2a3236', '#27474d', '#226069', '#2a818b', '#55aeb0', '#b5e0cf'],
    missing: '#20282c',
  },
};

/** Without quotation marks: it stands in attributes of SVG files as it is. */
export const FONT =
  'system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, DejaVu Sans, sans-serif';

/** The colour at `share` (0-1) of a ramp. */
export function rampColor(ramp: readonly string[], share: number): string {
  const at = Math.min(1, Math.max(0, share)) * (ramp.length - 1);
  const below = Math.min(ramp.length - 2, Math.floor(at));
  const low = channels(ramp[below]!);
  const high = channels(ramp[below + 1]!);
  const mixed = low.map((channel, index) =>
    Math.round(channel + (high[index]! - channel) * (at - below)),
  );
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

/** Black or white, whichever is read more easily on `color`. */
export function inkOn(color: string): string {
  const luminance = luminanceOf(color);
  return (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) ? '#101416' : '#ffffff';
}

/** Contrast of two colours by WCAG: 1 to 21. */
export function contrast(a: string, b: string): number {
  const [low, high] = [luminanceOf(a), luminanceOf(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminanceOf(color: string): number {
  const [red, green, blue] = channels(color).map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}
