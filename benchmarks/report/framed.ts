import { FONT, PALETTES, type ThemeName } from './theme.js';

/** A picture on its own needs what the page says around it: what it shows, in which unit, of what. */
export interface Frame {
  /** Bold, what and in which unit: `Produced, MB/s, cluster`. */
  readonly title: string;
  /** What a report calls it: `The map`. */
  readonly subtitle: string;
  /** For a screen reader: all of it in a sentence. */
  readonly summary: string;
  readonly theme: ThemeName;
  /** Default: the colour of a report's cards, so that a picture can be read anywhere. */
  readonly background?: string;
}

/** What a frame adds to the height of a picture, in pixels. */
export const FRAME_PX = 48;
const TITLE_PX = 16;
const SUBTITLE_PX = 13;
/** Of letters: a line that is longer than the picture is wide is drawn narrower. */
const LETTER_SHARE = 0.56;

/** The same picture below its title. `svg` is one of echarts, of that width and height. */
export function framed(
  svg: string,
  size: { readonly width: number; readonly height: number },
  { title, subtitle, summary, theme, background }: Frame,
): string {
  const palette = PALETTES[theme];
  const height = size.height + FRAME_PX;
  const room = size.width - 32;
  const narrowed = (text: string, px: number): string =>
    text.length * px * LETTER_SHARE > room
      ? ` textLength="${room}" lengthAdjust="spacingAndGlyphs"`
      : '';
  const line = (text: string, px: number, y: number, color: string, weight: number): string =>
    `<text x="16" y="${y}" font-family="${FONT}" font-size="${px}" font-weight="${weight}" fill="${color}"${narrowed(text, px)}>${escaped(text)}</text>`;
  return `<svg width="${size.width}" height="${height}" xmlns="http://www.w3.org/2000/svg" version="1.1" viewBox="0 0 ${size.width} ${height}"><title>${escaped(`${title}. ${summary}`)}</title>
<rect width="100%" height="100%" fill="${background ?? palette.card}"></rect>
${line(title, TITLE_PX, 24, palette.ink, 700)}
${line(subtitle, SUBTITLE_PX, 42, palette.quiet, 400)}
${svg.replace(/^<svg/, `<svg x="0" y="${FRAME_PX}"`)}
</svg>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
