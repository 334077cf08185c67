import { describe, expect, test } from 'vitest';
import { cellTable } from './cell-table.js';
import { CHARTS } from './charts/all.js';
import { renderHtml } from './html.js';
import { reportModel } from './model.js';
import { renderTerminal } from './terminal.js';
import { inventedExplanation } from './testing/invented-explanation.js';
import { inventedResult } from './testing/invented-result.js';
import { firstView } from './view.js';

const result = inventedResult();
const explanation = inventedExplanation();
const model = reportModel(result, { explanation, slo: null });

describe('the model', () => {
  test('keeps figures as they are in the document', () => {
    result.cells.forEach((cell, at) => {
      expect(model.cells[at]?.figures?.bytesPerSecond ?? null).toEqual(
        cell.summary?.producedBytesPerSecond ?? null,
      );
    });
  });

  test('reads percentiles out of the histograms', () => {
    const latency = model.cells[0]!.figures!.latency.publish!;
    const at99 = latency.curve.find(([percentile]) => Math.abs(percentile - 99) < 1e-9)!;
    expect(at99[1]).toBeCloseTo(result.cells[0]!.summary!.publish!.p99Us, 3);
  });

  test('orders axes: partitions, replication factor, acks', () => {
    expect(model.targets[0]!.axes.map(({ knob }) => knob).slice(0, 3)).toEqual([
      'partitions',
      'replicationFactor',
      'acks',
    ]);
    expect(model.targets[0]!.axes[2]!.values.map(({ value }) => value)).toEqual(['0', '1', 'all']);
  });
});

describe('charts', () => {
  test.each(CHARTS)('$id: has an option, a table and a summary', (chart) => {
    const view = firstView(model);
    expect(chart.isEmpty(model)).toBeNull();
    expect(chart.option(model, view, { theme: 'light', width: 900 }).series).not.toHaveLength(0);
    expect(chart.table(model, view).rows).not.toHaveLength(0);
    expect(chart.summary(model, view)).toMatch(/\d/);
  });
});

test('a document from before there was latency in each part has a timeline of rates', () => {
  const old = {
    ...result,
    cells: result.cells.map((cell) => ({
      ...cell,
      runs: cell.runs.map((run) => ({
        ...run,
        deedAtMs: null,
        timeline: run.timeline.map((tick) => ({ ...tick, publishP50Us: null, publishP99Us: null })),
      })),
    })),
  };
  const oldModel = reportModel(old, { explanation, slo: null });
  const chart = CHARTS.find(({ id }) => id === 'timeline')!;
  const { grid, series } = chart.option(oldModel, firstView(oldModel), {
    theme: 'light',
    width: 900,
  });
  expect(grid).toHaveLength(1);
  expect(series).toHaveLength(2);
});

test('the map stands with the sentences, before everything else', () => {
  const html = renderHtml(result, { explanation, slo: null, clientScript: '' });
  const at = (text: string) => html.indexOf(text);
  expect(at('<strong>Partitions</strong>')).toBeGreaterThan(0);
  expect(at('id="heat"')).toBeGreaterThan(at('<strong>Partitions</strong>'));
  expect(at('id="knobs"')).toBeGreaterThan(at('id="heat"'));
  expect(html.split('id="heat"')).toHaveLength(2);
  expect(at('href="#heat"')).toBeLessThan(at('href="#knobs"'));
});

test('what a crash loses is a column where it was measured, and a sentence where not', () => {
  const measured = renderHtml(result, { explanation, slo: null, clientScript: '' });
  expect(measured).toContain('>what a crash loses</th>');
  const loads = result.cells.filter(({ cell }) => cell.experiment === 'load');
  const without = renderHtml(
    { ...result, cells: loads },
    { explanation, slo: null, clientScript: '' },
  );
  expect(without).not.toContain('>what a crash loses</th>');
  expect(without).toContain('What a crash loses was not measured');
});

test('every cell has a row', () => {
  expect(cellTable(model).rows).toHaveLength(result.cells.length);
});

test('a profile of a cell is a link to a file beside the result, and to nothing else', () => {
  const withProfiles = (...profiles: (string | null)[]) =>
    renderHtml(
      {
        ...result,
        cells: result.cells.map((cell, at) => ({ ...cell, profile: profiles[at] ?? null })),
      },
      { explanation, slo: null, clientScript: '', filesAt: '../results' },
    );
  const html = withProfiles('p/a flame.html', 'javascript:alert(1)', '//host/x.html', '"><b>.html');
  expect(html).toContain('<a href="../results/p/a%20flame.html">a flame.html</a>');
  expect(html).toContain('<a href="../results/%22%3E%3Cb%3E.html">&quot;&gt;&lt;b&gt;.html</a>');
  expect(html).not.toMatch(/href="(javascript|\/\/|[^"]*host)/);
  expect(withProfiles()).not.toContain('>profile<');
});

test('a page cannot be broken out of by what a result holds', () => {
  const html = renderHtml(
    { ...result, name: '</script><script>alert(1)</script>' },
    { explanation, slo: null, clientScript: '' },
  );
  expect(html).not.toContain('<script>alert(1)');
});

describe('a terminal', () => {
  test.each([60, 80, 120, 200])('of %i columns is never overrun', (width) => {
    const text = renderTerminal(result, { color: false, width, explanation, slo: null });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(width);
  });

  test('answers in words, and its bars say at which value of the other knobs', () => {
    const text = renderTerminal(result, { color: false, width: 200, explanation, slo: null });
    expect(text).toContain(`Partitions: ${explanation.answer[0]!.text}`);
    expect(text).toContain('RF 1, by partitions, acks all, flush os');
  });

  test('has colours only when asked', () => {
    const plain = renderTerminal(result, { color: false, width: 100, explanation, slo: null });
    const coloured = renderTerminal(result, { color: true, width: 100, explanation, slo: null });
    expect(plain).not.toContain('\u001b[');
    expect(coloured).toContain('\u001b[48;5;');
  });
});
