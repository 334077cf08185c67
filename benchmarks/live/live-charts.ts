import type { EChartsOption, LineSeriesOption } from 'echarts';
import { digits } from '../model/text.js';
import { axisStyle, base, type Canvas } from '../report/charts/chart.js';
import type { Sample } from './run-state.js';

/** Produced and consumed rate over the seconds of the current cell. */
export function rateOption(samples: readonly Sample[], canvas: Canvas): EChartsOption {
  return timeOption(canvas, 'MB/s', 'value', samples, [
    ['produced', (sample) => sample.producedBytesPerSecond / 1e6],
  ]);
}

export function latencyOption(samples: readonly Sample[], canvas: Canvas): EChartsOption {
  return timeOption(canvas, 'ms', 'log', samples, [
    ['p50', (sample) => (sample.p50Us === null ? null : sample.p50Us / 1e3)],
    ['p99', (sample) => (sample.p99Us === null ? null : sample.p99Us / 1e3)],
  ]);
}

function timeOption(
  canvas: Canvas,
  unit: string,
  type: 'value' | 'log',
  samples: readonly Sample[],
  lines: readonly (readonly [name: string, of: (sample: Sample) => number | null])[],
): EChartsOption {
  const { palette, ...shared } = base(canvas);
  return {
    ...shared,
    grid: { left: 62, right: 20, top: 34, bottom: 48 },
    legend: { top: 0, left: 4, textStyle: { color: palette.ink, fontSize: 12 } },
    xAxis: {
      ...axisStyle(palette, 'seconds since the load began'),
      type: 'value',
      min: 0,
      nameGap: 28,
      splitLine: { show: false },
    },
    yAxis: {
      ...axisStyle(palette, unit),
      type,
      ...(type === 'value' ? { min: 0 } : {}),
      nameGap: 44,
      axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
    },
    series: lines.map(
      ([name, of], at): LineSeriesOption => ({
        name,
        type: 'line',
        showSymbol: false,
        lineStyle: { width: 2, color: palette.series[at]! },
        itemStyle: { color: palette.series[at]! },
        data: samples.flatMap((sample) => {
          const value = of(sample);
          // Zero has no place on a logarithmic axis.
          return value === null || (type === 'log' && value <= 0)
            ? []
            : [[sample.elapsedSeconds, value]];
        }),
      }),
    ),
  } as EChartsOption;
}
