import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digits } from '../../model/text.js';
import { CHARTS } from '../charts/all.js';
import type { ChartId } from '../charts/chart.js';
import { exportSvg } from '../export.js';
import { renderHtml } from '../html.js';
import { reportModel } from '../model.js';
import {
  bundledClient,
  CHROMIUM,
  launchChromium,
  openWatched,
  type Watched,
} from '../testing/chromium.js';
import { inventedExplanation } from '../testing/invented-explanation.js';
import { inventedResult } from '../testing/invented-result.js';

const result = inventedResult();
const explanation = inventedExplanation();
const slo = { percentile: 'p99', us: 10_000 } as const;
const model = reportModel(result, { explanation, slo });

describe.skipIf(CHROMIUM === null)('a report in Chromium', () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-report-'));
  const file = join(directory, 'report.html');
  let browser: Browser;
  let desktop: Watched;

  beforeAll(async () => {
    const clientScript = await bundledClient('benchmarks/report/client/main.ts');
    expect(clientScript.length).toBeLessThan(700_000);
    const pictures = { heat: exportSvg(model, 'heat', { theme: 'light', width: 1000 }) };
    writeFileSync(file, renderHtml(result, { explanation, slo, clientScript, pictures }));
    browser = await launchChromium();
    desktop = await open({ width: 1440, height: 900 });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(directory, { recursive: true });
  });

  const open = (viewport: { width: number; height: number }, more = {}) =>
    openWatched(browser, pathToFileURL(file).href, { viewport, ...more });

  test('nothing goes wrong, and nothing is asked of anybody', () => {
    expect(desktop.problems).toEqual([]);
    expect(desktop.requests).toEqual([]);
  });

  test.each(CHARTS)('$id is drawn, has a name and units on its axes', async ({ id }) => {
    const chart = desktop.page.locator(`[data-chart="${id}"]`);
    expect(await chart.getAttribute('aria-label')).toMatch(/\d/);
    const texts = await chart.locator('svg text').allTextContents();
    const units = {
      heat: ['partitions', 'replication factor', 'acks all'],
      bottleneck: ['partitions', 'replication factor', 'leader'],
      scaling: ['partitions', 'Produced, MB/s'],
      percentiles: ['percentile of records', 'Publish latency, ms', '99.9 %'],
      rate: ['Acknowledged, MB/s', 'Publish latency, ms', 'p99 bound: 10 ms'],
      cpu: ['CPU seconds per million records', 'RF 3, acks all'],
      memory: ['largest memory (RSS), MB', 'RF 3, acks all', 'broker 3'],
      timeline: ['MB/s', 'Publish latency, ms', 'seconds of the measured window', 'leader killed'],
    }[id];
    for (const unit of units) expect(texts).toContain(unit);
  });

  test('the first screen has the answer and the map, and the figures of six values across are whole', async () => {
    const { page } = await open({ width: 1280, height: 800 });
    const bottom = async (selector: string) => {
      const box = await page.locator(selector).first().boundingBox();
      return box!.y + box!.height;
    };
    expect(await bottom('.answer li:nth-child(2)')).toBeLessThan(800);
    const map = await page.locator('[data-chart="heat"] svg').boundingBox();
    expect(map!.y).toBeLessThan(600);
    const texts = await page.locator('[data-chart="heat"] svg text').allTextContents();
    expect(texts.filter((text) => /^\d+\.$/.test(text))).toEqual([]);
    await page.context().close();
  });

  test('the map shows the figures of the document', async () => {
    const texts = await desktop.page.locator('[data-chart="heat"] svg text').allTextContents();
    for (const { cell, summary } of result.cells) {
      if (cell.target !== 'cluster' || cell.flush !== 'os' || cell.experiment !== 'load') continue;
      if (cell.rate !== 'max') continue;
      expect(texts).toContain(digits(summary!.producedBytesPerSecond.median / 1e6));
    }
  });

  test('the timeline shows the run of the document: every part, the deed and the stall', async () => {
    const { page } = await open({ width: 1440, height: 900 });
    const failovers = result.cells.filter(({ runs }) => runs.some((run) => run.failover !== null));
    const chosen = failovers[1]!;
    await page.selectOption('select[name="timeline-cell"]', chosen.id);
    await page.locator('input[name="timeline-run"][value="2"]').check({ force: true });
    const run = chosen.runs[2]!;
    const recordBytes = run.produced.bytes / run.produced.records;
    const expected = run.timeline.map(
      ({ producedRecords }) => (producedRecords * recordBytes) / 1e5,
    );
    const shown = (await valuesOf(page, 'timeline-table', 2)).map(Number);
    expect(shown).toHaveLength(20);
    for (const [at, value] of shown.entries()) expect(value).toBeCloseTo(expected[at]!, 6);
    const p99 = await valuesOf(page, 'timeline-table', 5);
    expect(p99).toEqual(
      run.timeline.map(({ publishP99Us }) =>
        publishP99Us === null ? '' : String(publishP99Us / 1e3),
      ),
    );
    const notes = await page.locator('[data-notes="timeline"]').textContent();
    expect(notes).toContain(`${digits(run.failover!.longestGapMs)} ms`);
    expect(await page.locator('[data-chart="timeline"]').getAttribute('aria-label')).toContain(
      `${digits(run.failover!.longestGapMs)} ms`,
    );
    // Where nobody was acknowledged, the rate is on the axis and there is no latency.
    expect(expected.filter((rate) => rate === 0)).toHaveLength(4);
    await page.context().close();
  });

  test('memory: the median over the runs of each process', async () => {
    const texts = await desktop.page.locator('#memory-table thead th').allTextContents();
    const column = texts.indexOf('Broker 2 (MB)');
    expect(column).toBeGreaterThan(0);
    const values = await valuesOf(desktop.page, 'memory-table', column);
    const brokers = result.cells
      .flatMap(({ runs }) => runs)
      .flatMap(({ processes }) => processes)
      .filter(({ id }) => id === 'broker 2');
    for (const value of values) {
      expect(brokers.map(({ peakRssBytes }) => peakRssBytes / 1e6)).toContain(Number(value));
    }
  });

  test('the table of a picture has the figures of the document, unrounded', async () => {
    const values = await valuesOf(desktop.page, 'heat-table', 3);
    const document = result.cells.map(
      ({ summary }) => (summary?.producedBytesPerSecond.median ?? 0) / 1e6,
    );
    expect(values).toHaveLength(54);
    for (const value of values) expect(document).toContain(Number(value));
  });

  test('the embedded document is the document', async () => {
    const text = await desktop.page.locator('#result').textContent();
    expect(JSON.parse(text!)).toEqual(JSON.parse(JSON.stringify(result)));
  });

  test('another target and measure: picture and table follow', async () => {
    const { page } = await open({ width: 1440, height: 900 });
    await page.selectOption('select[name="heat-measure"]', 'p99Ms');
    await page.locator('input[name="heat-target"][value="local-kafka"]').check({ force: true });
    const cell = result.cells.find(
      ({ cell: { target, partitions, replicationFactor, acks } }) =>
        target === 'local-kafka' && partitions === 8 && replicationFactor === 2 && acks === 1,
    )!;
    const ms = cell.summary!.publish!.p99Us / 1e3;
    expect(await page.locator('[data-chart="heat"] svg text').allTextContents()).toContain(
      digits(ms),
    );
    expect(await valuesOf(page, 'heat-table', 3)).toContain(String(ms));
    // What is chosen at one picture is chosen at all.
    expect(await page.locator('input[name="cpu-target"]:checked').getAttribute('value')).toBe(
      'local-kafka',
    );
    await page.context().close();
  });

  test('headings sort, numbers as numbers', async () => {
    const { page } = await open({ width: 1440, height: 900 });
    const column = await page
      .locator('#cells-table thead th')
      .evaluateAll((heads) => heads.findIndex((head) => head.textContent === 'produced (MB/s)'));
    const head = page.locator('#cells-table thead th').nth(column);
    await head.locator('button').focus();
    await page.keyboard.press('Enter');
    expect(await head.getAttribute('aria-sort')).toBe('ascending');
    const up = (await valuesOf(page, 'cells-table', column))
      .filter((value) => value !== '')
      .map(Number);
    expect(up).toEqual([...up].sort((a, b) => a - b));
    await page.keyboard.press('Enter');
    expect(await head.getAttribute('aria-sort')).toBe('descending');
    const down = (await valuesOf(page, 'cells-table', column)).map(Number);
    expect(down[0]).toBe(Math.max(...up));
    await page.context().close();
  });

  test('the keyboard reaches every control', async () => {
    const { page } = await open({ width: 1440, height: 900 });
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(
      'Skip to the content',
    );
    const reached = new Set<string>();
    for (let presses = 0; presses < 400; presses++) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate(() => {
        const active = document.activeElement as HTMLElement | null;
        if (active === null || active === document.body) return '';
        const data = Object.keys(active.dataset).join();
        return active.getAttribute('name') ?? (data === '' ? active.tagName : data);
      });
      if (name === '') break;
      reached.add(name);
    }
    for (const name of [
      'themeToggle',
      'heat-measure',
      'heat-target',
      'cpu-partitions',
      'json',
      'save,of',
    ]) {
      expect([...reached]).toContain(name);
    }
    await page.locator('input[name="heat-target"]:checked').focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('input[name="heat-target"]:checked').getAttribute('value')).toBe(
      'local-kafka',
    );
    // Redrawing the controls does not take the focus away.
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).name)).toBe(
      'heat-target',
    );
    await page.context().close();
  });

  test.each([360, 768, 1440])('at %i pixels nothing sticks out', async (width) => {
    const { page, problems } = await open({ width, height: 800 });
    await page.waitForTimeout(200);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const charts = await page
      .locator('.chart')
      .evaluateAll((boxes) => boxes.map((box) => box.getBoundingClientRect().right));
    for (const right of charts) expect(right).toBeLessThanOrEqual(width);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  test('dark and light: by the system, and by the button', async () => {
    const { page } = await open({ width: 1000, height: 800 }, { colorScheme: 'dark' });
    const colors = () =>
      page.evaluate(() => [
        getComputedStyle(document.body).backgroundColor,
        document.querySelector('[data-chart="scaling"] svg text')!.getAttribute('fill'),
      ]);
    const dark = await colors();
    await page.locator('[data-theme-toggle]').click();
    const light = await colors();
    expect(dark[0]).toBe('rgb(18, 23, 26)');
    expect(light[0]).toBe('rgb(250, 247, 242)');
    expect(light[1]).not.toBe(dark[1]);
    await page.context().close();
  });

  test('pictures and tables are saved', async () => {
    const { page } = desktop;
    const saved = async (selector: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator(selector).first().click(),
      ]);
      const chunks: Buffer[] = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
      return { name: download.suggestedFilename(), bytes: Buffer.concat(chunks) };
    };
    const svg = await saved('[data-save="svg"][data-of="scaling"]');
    expect(svg.name).toBe('scaling.svg');
    expect(svg.bytes.toString()).toContain('<svg');
    expect(svg.bytes.toString()).toContain('>Does more help?<');
    expect(svg.bytes.toString()).toContain(
      '>Produced, MB/s, over partitions, cluster, acks all, flush os<',
    );
    const map = await saved('[data-save="svg"][data-of="heat"]');
    expect(map.bytes.toString()).toContain('>The map<');
    expect(map.bytes.toString()).toContain('>Produced, MB/s, cluster, flush os<');
    const png = await saved('[data-save="png"][data-of="scaling"]');
    expect(png.bytes.subarray(1, 4).toString()).toBe('PNG');
    const csv = await saved('[data-csv="cells-table"]');
    expect(csv.bytes.toString().split('\r\n')).toHaveLength(result.cells.length + 2);
    const json = await saved('[data-json]');
    expect(JSON.parse(json.bytes.toString()).cells).toHaveLength(result.cells.length);
  });

  test('exported pictures are well-formed', async () => {
    for (const { id } of CHARTS) {
      const svg = exportSvg(model, id, { theme: 'dark', width: 800 });
      const errors = await desktop.page.evaluate(
        (text) =>
          new DOMParser().parseFromString(text, 'image/svg+xml').querySelectorAll('parsererror')
            .length,
        svg,
      );
      expect(errors).toBe(0);
    }
  });

  test('without JavaScript the figures are there', async () => {
    const { page } = await open({ width: 1440, height: 900 }, { javaScriptEnabled: false });
    expect(await page.locator('#cells-table tbody tr').count()).toBe(result.cells.length);
    expect(await page.locator('.picture > svg').count()).toBe(1);
    expect(await page.locator('.js-only:visible').count()).toBe(0);
    await page.context().close();
  });
});

/** Values of one column, as a table keeps them for sorting. */
async function valuesOf(page: Page, id: string, column: number): Promise<string[]> {
  return await page
    .locator(`#${id} tbody tr`)
    .evaluateAll(
      (rows, at) => rows.map((row) => (row as HTMLTableRowElement).cells[at]?.dataset.value ?? ''),
      column,
    );
}

/** What a picture on its own says of itself: what it shows, in which units, of which target or run, at which knobs. */
const SAYS: Readonly<Record<ChartId, RegExp>> = {
  heat: /^Produced, MB\/s, cluster, flush os$/,
  bottleneck: /^What limited each setting, cluster, flush os$/,
  scaling: /^Produced, MB\/s, over partitions, cluster, acks all, flush os$/,
  percentiles: /^Publish latency, ms, by percentile of records, cluster, 4 partitions, flush os$/,
  rate: /^Publish latency, ms, by acknowledged rate, MB\/s, cluster$/,
  cpu: /^CPU seconds per million records, cluster, 4 partitions, flush os$/,
  memory: /^Largest memory \(RSS\), MB, cluster, 4 partitions, flush os$/,
  timeline: /^Rate, MB\/s, and latency, ms, over run 1 of \S/,
};

test('a picture for a paper is the picture of the report, with a title that says what and the unit', () => {
  for (const { id } of CHARTS) {
    const svg = exportSvg(model, id, { theme: 'light', width: 900 });
    const bold = /<text[^>]*font-weight="700"[^>]*>([^<]*)<\/text>/.exec(svg)?.[1];
    expect(bold).toMatch(SAYS[id]);
    expect(/^<svg[^>]*><title>([^<]*)<\/title>/.exec(svg)?.[1]).toContain(`${bold}. `);
    const chart = CHARTS.find((each) => each.id === id)!;
    expect(svg).toContain(`>${chart.title}</text>`);
    expect(svg).not.toContain('NaN');
  }
  const cell = result.cells.find(({ cell }) => cell.partitions === 16)!;
  expect(exportSvg(model, 'heat', { theme: 'dark', width: 900 })).toContain(
    digits(cell.summary!.producedBytesPerSecond.median / 1e6),
  );
});
