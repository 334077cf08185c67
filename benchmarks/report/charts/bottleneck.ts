import type { Bottleneck } from '../../model/result.js';
import { KNOB_TITLES } from '../measures.js';
import type { ModelCell, ReportModel } from '../model.js';
import { type Table, word, words } from '../table.js';
import { PALETTES, type ThemeName } from '../theme.js';
import type { View } from '../view.js';
import { type Chart, escapeHtml } from './chart.js';
import { captionOf, fixedControls, targetControl } from './controls.js';
import { gridCells, gridHeight, gridLayout, gridOption, spreadKnobs } from './grid.js';

/** Short enough for a tile; the sentence is in the tooltip and the table. */
const WORDS: Readonly<Record<Bottleneck, readonly [word: string, second: string]>> = {
  none: ['none', 'rate met'],
  generator: ['load', 'generator'],
  client: ['client', 'library'],
  network: ['network', ''],
  leader: ['leader', 'CPU'],
  follower: ['follower', 'CPU'],
  machine: ['machine', 'CPU'],
  disk: ['disk', ''],
  sync: ['sync', 'disk'],
  batching: ['batching', ''],
  unknown: ['?', ''],
};

const COLORS: Readonly<Record<ThemeName, Readonly<Record<Bottleneck, string>>>> = {
  light: {
    none: '#cfe6cf',
    generator: '#d5d5d8',
    client: '#ddd0ee',
    network: '#bcd9f2',
    leader: '#f6c9a0',
    follower: '#f7e2a1',
    machine: '#f0b3a6',
    disk: '#c9b59b',
    sync: '#b9a7e6',
    batching: '#a9dbd6',
    unknown: PALETTES.light.missing,
  },
  dark: {
    none: '#2f5a3d',
    generator: '#4a4f55',
    client: '#54437a',
    network: '#23527c',
    leader: '#8a4b19',
    follower: '#6e5a12',
    machine: '#82352a',
    disk: '#5d4a33',
    sync: '#51409b',
    batching: '#1d645f',
    unknown: PALETTES.dark.missing,
  },
};

export const bottleneck: Chart = {
  id: 'bottleneck',
  title: 'What was in the way',
  short: 'Bottlenecks',
  help: 'The same map, but each tile says what kept it from going faster. Turning a knob helps only where it relieves what is named here: more partitions relieve a busy leader, and do nothing for a full machine.',
  isEmpty: (model) =>
    model.targets.some(({ axes }) => axes.length > 0)
      ? null
      : 'every setting had one value: there is nothing to map.',
  controls(model, view) {
    const layout = gridLayout(model, view);
    return [
      ...targetControl(model, view),
      ...fixedControls(model, view, layout === null ? [] : spreadKnobs(layout)),
    ];
  },
  height(model, view, width) {
    const layout = gridLayout(model, view);
    return layout === null ? 0 : gridHeight(layout, width);
  },
  option(model, view, canvas) {
    return gridOption(
      model,
      view,
      canvas,
      (cell) => {
        const { bottleneck: what, bottleneckText, evidence } = cell.figures ?? NOTHING;
        const [text, small] = WORDS[what];
        return {
          color: COLORS[canvas.theme][what],
          text,
          small,
          tooltip: [
            `<strong>${escapeHtml(cell.label)}</strong>`,
            escapeHtml(cell.failure?.message ?? bottleneckText),
            ...evidence.map((line) => `\u2022 ${escapeHtml(line)}`),
          ].join('<br>'),
        };
      },
      (cell) => cell.figures?.bottleneck ?? null,
    );
  },
  summary(model, view) {
    const counts = new Map<string, number>();
    for (const cell of cellsOf(model, view)) {
      const what = cell.figures?.bottleneck ?? 'unknown';
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    const parts = [...counts]
      .sort((a, b) => b[1] - a[1])
      .map(([what, count]) => `${what} ${count}`);
    return `What limited each setting: ${parts.join(', ') || '0 measured'}.`;
  },
  table(model, view): Table {
    const layout = gridLayout(model, view);
    const knobs = layout === null ? [] : spreadKnobs(layout);
    return {
      caption: captionOf('What limited each setting', model, view, knobs),
      columns: [
        ...knobs.map((knob) => words(KNOB_TITLES[knob])),
        words('limited by'),
        words('why'),
      ],
      rows: cellsOf(model, view).map((cell) => [
        ...knobs.map((knob) => word(cell.knobs[knob])),
        word(cell.figures?.bottleneck ?? 'unknown'),
        word(cell.failure?.message ?? cell.figures?.bottleneckText ?? ''),
      ]),
    };
  },
  notes: () => [],
};

const NOTHING = { bottleneck: 'unknown', bottleneckText: 'not measured', evidence: [] } as const;

function cellsOf(model: ReportModel, view: View): ModelCell[] {
  const layout = gridLayout(model, view);
  return layout === null ? [] : gridCells(model, view, layout);
}
