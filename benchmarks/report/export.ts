import { chartOf } from './charts/all.js';
import type { ChartId } from './charts/chart.js';
import { echarts } from './echarts.js';
import { FRAME_PX, framed } from './framed.js';
import type { ReportModel } from './model.js';
import type { ThemeName } from './theme.js';
import { firstView, type View } from './view.js';

export interface ExportOptions {
  readonly theme: ThemeName;
  /** Pixels. */
  readonly width: number;
  /** Pixels, its title included; default: what the chart takes in a report of this width, and its title. */
  readonly height?: number;
  /** Default: what a report shows first. */
  readonly view?: View;
  /** Behind the picture. Default: the colour of a report's cards, so that a picture can be read anywhere. */
  readonly background?: string;
}

/** The picture that a report shows, as an SVG file with its title and unit. Throws RangeError where the result has nothing to draw. */
export function exportSvg(model: ReportModel, id: ChartId, options: ExportOptions): string {
  const chart = chartOf(id);
  const why = chart.isEmpty(model);
  if (why !== null) throw new RangeError(`${chart.title}: ${why}`);
  const view = options.view ?? firstView(model);
  const { theme, width, background } = options;
  const height =
    options.height === undefined
      ? chart.height(model, view, width)
      : Math.max(1, options.height - FRAME_PX);
  const drawing = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height,
  });
  try {
    drawing.setOption({
      ...chart.option(model, view, { theme, width }),
      backgroundColor: 'transparent',
    });
    return framed(
      drawing.renderToSVGString(),
      { width, height },
      {
        title: chart.table(model, view).caption,
        subtitle: chart.title,
        summary: chart.summary(model, view),
        theme,
        ...(background !== undefined && { background }),
      },
    );
  } finally {
    // Its timers would keep the process alive.
    drawing.dispose();
  }
}
