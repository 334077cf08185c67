import type { echarts } from '../echarts.js';
import { FRAME_PX, type Frame, framed } from '../framed.js';

/** Of pixels to points in a saved PNG: sharp on a screen of twice the density, and in print. */
const SCALE = 2;

export async function saveChart(
  drawing: ReturnType<typeof echarts.init>,
  name: string,
  kind: 'svg' | 'png',
  frame: Frame,
): Promise<void> {
  const size = { width: drawing.getWidth(), height: drawing.getHeight() };
  const svg = framed(drawing.renderToSVGString(), size, frame);
  const url = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  save(
    kind === 'svg' ? url : await pngOf(url, size.width, size.height + FRAME_PX),
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
