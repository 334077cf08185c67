import type { AsyncReport } from './async-activity.js';
import { lineChart } from './line-chart.js';
import { page, table } from './page.js';
import type { FunctionCost } from './read-profile.js';
import type { SourceNames } from './source-names.js';
import type { Timeline } from './timeline.js';

export interface TimelinePage {
  readonly title: string;
  readonly lead: readonly string[];
  readonly timeline: Timeline;
  readonly names: SourceNames;
  /** By self time, microseconds; with the busy time that they are a share of. */
  readonly cpu: { readonly functions: readonly FunctionCost[]; readonly busyUs: number } | null;
  readonly async: AsyncReport | null;
}

const MOST_ROWS = 25;
const MIB = 1024 * 1024;

/** What doctor and bubbleprof show, from what Node itself measures: a page without scripts. */
export function timelinePage(options: TimelinePage): string {
  const { title, lead, timeline, cpu, async } = options;
  const body = [
    charts(timeline, async),
    collections(timeline),
    async === null ? '' : operations(async, options.names),
    cpu === null ? '' : functions(cpu, options.names),
  ];
  return page({ title, lead, body: body.join('\n') });
}

function charts({ samples }: Timeline, async: AsyncReport | null): string {
  const atMs = samples.map((sample) => sample.atMs);
  const chart = (title: string, unit: string, lines: Parameters<typeof lineChart>[0]['lines']) =>
    lineChart({ title, unit, atMs, lines });
  const of = (name: string, pick: (sample: (typeof samples)[number]) => number) => ({
    name,
    values: samples.map(pick),
  });
  const started = async?.intervals.map((counts, i) => {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return (1000 * all) / (samples[i]?.lengthMs ?? 1000);
  });
  const list = [
    chart('Event-loop delay', 'ms', [
      of('longest', ({ delayMaxMs }) => delayMaxMs),
      of('mean', ({ delayMeanMs }) => delayMeanMs),
    ]),
    chart('Event loop busy', '%', [of('utilization', ({ utilization }) => 100 * utilization)]),
    chart('CPU', 'cores', [
      of('user', ({ userCores }) => userCores),
      of('system', ({ systemCores }) => systemCores),
    ]),
    chart('Garbage collection', '% of the time', [
      of('main thread', ({ gcMs, lengthMs }) => (100 * gcMs) / lengthMs),
    ]),
    chart('Memory', 'MiB', [
      of('resident, mapped files included', ({ rssBytes }) => rssBytes / MIB),
      of('heap in use', ({ heapUsedBytes }) => heapUsedBytes / MIB),
    ]),
    started === undefined
      ? chart('Open resources', 'count', [
          of('sockets, timers, files', ({ resources }) => resources),
        ])
      : chart('Asynchronous operations', 'started a second', [
          { name: 'all kinds', values: started.slice(0, samples.length) },
        ]),
  ];
  return `<div class="charts">${list.join('\n')}</div>`;
}

function collections({ gc, seconds }: Timeline): string {
  const rows = Object.entries(gc.byKind).map(([kind, { count, milliseconds }]) => [
    kind,
    String(count),
    milliseconds.toFixed(1),
    (milliseconds / 10 / seconds).toFixed(2),
  ]);
  const columns = [
    { title: 'Garbage collection' },
    { title: 'times', kind: 'number' },
    { title: 'ms', kind: 'number' },
    { title: '% of the time', kind: 'number' },
  ] as const;
  return `<h2>Garbage collection by kind</h2>${table(columns, rows)}`;
}

function operations({ kinds, sites, sampledOneIn }: AsyncReport, names: SourceNames): string {
  const kindRows = kinds
    .slice(0, MOST_ROWS)
    .map((kind) => [
      kind.kind,
      kind.started.toLocaleString('en-US'),
      kind.ended.toLocaleString('en-US'),
      kind.meanMs.toFixed(3),
      kind.maxMs.toFixed(1),
      kind.callbackMs.toFixed(0),
    ]);
  const kindColumns = [
    { title: 'Kind' },
    { title: 'started', kind: 'number' },
    { title: 'ended', kind: 'number' },
    { title: 'mean ms', kind: 'number' },
    { title: 'longest ms', kind: 'number' },
    { title: 'in callbacks, ms', kind: 'number' },
  ] as const;
  const siteRows = sites
    .slice(0, MOST_ROWS)
    .map((site) => [
      site.kind,
      (site.samples * sampledOneIn).toLocaleString('en-US'),
      site.functionName,
      names.text(names.placeOf(site.url, site.line, site.column)),
    ]);
  const siteColumns = [
    { title: 'Kind' },
    { title: 'started, about', kind: 'number' },
    { title: 'by' },
    { title: 'where', kind: 'place' },
  ] as const;
  return `<h2>Asynchronous operations by kind</h2><p>From start to end, of those that ended. Watching them costs time of its own.</p>${table(kindColumns, kindRows)}
<h2>Who starts them</h2><p>The first function outside Node on the stack, of one operation in ${sampledOneIn}.</p>${table(siteColumns, siteRows)}`;
}

function functions(
  { functions: costs, busyUs }: NonNullable<TimelinePage['cpu']>,
  names: SourceNames,
): string {
  const rows = costs
    .slice(0, MOST_ROWS)
    .map(({ functionName, place, self, total }) => [
      ((100 * self) / busyUs).toFixed(1),
      ((100 * total) / busyUs).toFixed(1),
      functionName,
      names.text(place),
    ]);
  const columns = [
    { title: 'self %', kind: 'number' },
    { title: 'with calls %', kind: 'number' },
    { title: 'function' },
    { title: 'where', kind: 'place' },
  ] as const;
  return `<h2>Busy time by function</h2>${table(columns, rows)}`;
}
