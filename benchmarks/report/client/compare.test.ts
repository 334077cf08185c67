import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compareResults } from '../../compare/compare.js';
import { changeText } from '../../model/text.js';
import { renderComparison } from '../compare-html.js';
import { bundledClient, CHROMIUM, launchChromium, openWatched } from '../testing/chromium.js';
import { inventedResult } from '../testing/invented-result.js';

const small = { targets: ['cluster'], partitions: [1, 4], extras: false, repeats: 5 } as const;
const a = inventedResult({ ...small, seed: 1 });
const b = {
  ...inventedResult({ ...small, seed: 2, speed: 1.25 }),
  name: 'invented <b>faster</b>',
  startedAt: '2026-01-03T03:04:05.000Z',
  finishedAt: '2026-01-03T03:14:05.000Z',
};
const comparison = compareResults(a, b);

test('every cell and figure has a row with its ratio', () => {
  const html = renderComparison(comparison, { clientScript: '' });
  expect(html).not.toContain('<b>faster</b>');
  for (const { metrics } of comparison.cells) {
    for (const { ratio } of metrics) if (ratio !== null) expect(html).toContain(changeText(ratio));
  }
});

describe.skipIf(CHROMIUM === null)('a comparison in Chromium', () => {
  test('no error, no request, nothing sticks out, tables sort', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-compare-'));
    const browser = await launchChromium();
    try {
      const file = join(directory, 'compare.html');
      const clientScript = await bundledClient('benchmarks/report/client/page.ts');
      expect(clientScript.length).toBeLessThan(20_000);
      writeFileSync(file, renderComparison(comparison, { clientScript }));
      const { page, problems, requests } = await openWatched(browser, pathToFileURL(file).href, {
        viewport: { width: 360, height: 800 },
      });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
      const rows = page.locator('#producedBytesPerSecond-table tbody tr');
      expect(await rows.count()).toBe(comparison.cells.length);
      await page
        .locator('#producedBytesPerSecond-table thead button', { hasText: 'change' })
        .click();
      const ratios = await rows.evaluateAll((all) =>
        all.map((row) => Number((row as HTMLTableRowElement).cells[3]!.dataset.value)),
      );
      expect(ratios).toEqual([...ratios].sort((x, y) => x - y));
      const known = comparison.cells.map(
        ({ metrics }) => metrics.find(({ metric }) => metric === 'producedBytesPerSecond')!.ratio,
      );
      expect([...ratios].sort()).toEqual([...known].sort());
      expect(problems).toEqual([]);
      expect(requests).toEqual([]);
    } finally {
      await browser.close();
      rmSync(directory, { recursive: true });
    }
  });
});
