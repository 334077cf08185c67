import { chartOf } from './charts/all.js';
import type { ChartId } from './charts/chart.js';
import { echarts } from './echarts.js';
import type { ReportModel } from './model.js';
import { PALETTES, type ThemeName } from './theme.js';
import { firstView, type View } from './view.js';

export interface ExportOptions {
  readonly theme: ThemeName;
  /** Pixels. */
  readonly width: number;
  /** Pixels; default: what the chart takes in a report of this width. */
  readonly height?: number;
  /** Default: what a report shows first. */
  readonly view?: View;
  /** Behind the picture. Default: the colour of a report's cards, so that a picture can be read anywhere. */
  readonly background?: string;
}

/** The picture that a report shows, as an SVG file. Throws RangeError where the result has nothing to draw. */
export function exportSvg(model: ReportModel, id: ChartId, options: ExportOptions): string {
  const chart = chartOf(id);
  const why = chart.isEmpty(model);
  if (why !== null) throw new RangeError(`${chart.title}: ${why}`);
  const view = options.view ?? firstView(model);
  const { theme, width } = options;
  const drawing = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height: options.height ?? chart.height(model, view, width),
  });
  try {
    drawing.setOption({
      ...chart.option(model, view, { theme, width }),
      backgroundColor: options.background ?? PALETTES[theme].card,
    });
    return titled(drawing.renderToSVGString(), `${chart.title}. ${chart.summary(model, view)}`);
  } finally {
    // Its timers would keep the process alive.
    drawing.dispose();
  }
}

/** What a screen reader says of the picture, in the file itself. */
function titled(svg: string, title: string): string {
  const text = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return svg.replace(/^(<svg[^>]*>)/, `$1<title>${text}</title>`);
}
