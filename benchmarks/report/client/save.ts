import type { echarts } from '../echarts.js';
import { PALETTES, type ThemeName } from '../theme.js';

/** Of pixels to points in a saved PNG: sharp on a screen of twice the density, and in print. */
const SCALE = 2;

export async function saveChart(
  drawing: ReturnType<typeof echarts.init>,
  name: string,
  kind: 'svg' | 'png',
  theme: ThemeName,
): Promise<void> {
  const url = drawing.getDataURL({ type: 'svg', backgroundColor: PALETTES[theme].card });
  save(
    kind === 'svg' ? url : await pngOf(url, drawing.getWidth(), drawing.getHeight()),
    `${name}.${kind}`,
  );
}

export function save(url: string, file: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = file;
  link.click();
}

export function saveText(text: string, type: string, file: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  save(url, file);
  // The download has begun when the click returns; the text need not stay in memory.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function pngOf(svgUrl: string, width: number, height: number): Promise<string> {
  const image = new Image();
  image.src = svgUrl;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/png');
}
