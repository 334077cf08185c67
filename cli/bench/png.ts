import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type * as Resvg from '@resvg/resvg-js';
import { UsageError } from '../run-program.js';

/** Twice the pixels of the drawing: sharp on paper and on dense screens. */
const ZOOM = 2;

/** The picture of an SVG text. The library that draws it is no dependency of the package. */
export async function renderPng(svg: string, width: number): Promise<Uint8Array> {
  const { Resvg: Renderer } = await loadResvg();
  requireFonts();
  return new Renderer(svg, {
    fitTo: { mode: 'width', value: width * ZOOM },
    font: { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' },
  })
    .render()
    .asPng();
}

async function loadResvg(): Promise<typeof Resvg> {
  try {
    return await import('@resvg/resvg-js');
  } catch (error) {
    throw new UsageError(
      `--format png needs the package @resvg/resvg-js (npm install @resvg/resvg-js); --format svg does not: ${(error as Error).message}`,
    );
  }
}

const FONT_DIRECTORIES = [
  '/usr/share/fonts',
  '/usr/local/share/fonts',
  join(homedir(), '.fonts'),
  join(homedir(), '.local/share/fonts'),
];

/** Without any font on the machine letters are left out in silence: axes without numbers. */
function requireFonts(): void {
  if (process.platform !== 'linux') return;
  const hasFont = FONT_DIRECTORIES.filter((directory) => existsSync(directory)).some((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).some((name) =>
      /\.(ttf|otf|ttc)$/i.test(name),
    ),
  );
  if (hasFont) return;
  throw new UsageError(
    '--format png needs a font on this machine (Debian: fonts-dejavu-core); --format svg does not',
  );
}
