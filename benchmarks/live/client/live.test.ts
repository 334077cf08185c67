import { request } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bundledClient,
  CHROMIUM,
  launchChromium,
  openWatched,
} from '../../report/testing/chromium.js';
import { inventedResult } from '../../report/testing/invented-result.js';
import { type LiveServer, startLiveServer } from '../server.js';
import { inventedEvents } from '../testing/invented-events.js';

const result = inventedResult({ extras: false, partitions: [1, 4], targets: ['cluster'] });
const events = inventedEvents(result, 4);

describe('the server of the live page', () => {
  let server: LiveServer;
  beforeAll(async () => {
    server = await startLiveServer({ port: 0, clientScript: '' });
  });
  afterAll(() => server.close());

  const statusOf = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(server.url);
      request({ hostname, port, path, headers, method }, (response) => {
        response.destroy();
        resolve(response.statusCode!);
      })
        .on('error', reject)
        .end();
    });

  test('answers this machine and who knows the address, nobody else', async () => {
    const { pathname } = new URL(server.url);
    expect(await statusOf(pathname)).toBe(200);
    expect(await statusOf(`${pathname}events`)).toBe(200);
    expect(await statusOf(`${pathname}other`)).toBe(404);
    expect(await statusOf('/')).toBe(403);
    expect(await statusOf('/events')).toBe(403);
    expect(await statusOf(pathname, { host: 'evil.example' })).toBe(421);
    expect(await statusOf(pathname, {}, 'POST')).toBe(405);
  });

  test('a port that is taken is refused by its number', async () => {
    const port = Number(new URL(server.url).port);
    await expect(startLiveServer({ port, clientScript: '' })).rejects.toThrow(`127.0.0.1:${port}`);
  });
});

test('closing ends open streams', async () => {
  const server = await startLiveServer({ port: 0, clientScript: '' });
  const response = await fetch(`${server.url}events`);
  const begun = performance.now();
  await server.close();
  expect(performance.now() - begun).toBeLessThan(2000);
  await response.text();
});

describe.skipIf(CHROMIUM === null)('the live page in Chromium', () => {
  let browser: Browser;
  let clientScript: string;
  beforeAll(async () => {
    clientScript = await bundledClient('benchmarks/live/client/main.ts');
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  test('a late joiner sees what was, then what comes, then the end', async () => {
    const server = await startLiveServer({ port: 0, clientScript });
    const isLast = events.length - 5;
    for (const event of events.slice(0, isLast)) server.onEvent(event);
    const { page, problems, requests } = await openWatched(browser, server.url, {
      viewport: { width: 360, height: 800 },
    });
    await page.waitForFunction(() => document.querySelectorAll('#measured tbody tr').length === 2);
    expect(await page.locator('#failures').textContent()).toContain('broker 2 <ended>');
    expect(await page.locator('#rate').textContent()).toMatch(/MB\/s$/);
    for (const event of events.slice(isLast)) server.onEvent(event);
    await page.waitForFunction(() => document.querySelectorAll('#measured tbody tr').length === 3);
    expect(await page.locator('#progress').getAttribute('aria-valuenow')).toBe('4');
    expect(await page.locator('#rate').textContent()).toBe('58.2 MB/s');
    expect(await page.locator('#latency-chart').getAttribute('aria-label')).toBe('p99 now 8.31 ms');
    const texts = await page.locator('#rate-chart svg text').allTextContents();
    expect(texts).toContain('MB/s');
    expect(texts).toContain('seconds since the load began');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);

    server.onEvent({ type: 'finished', result, path: 'results/x.json' });
    await page.waitForFunction(
      () =>
        document.title.length > 0 &&
        document.getElementById('title')!.textContent === 'Finished: complete',
    );
    expect(await page.locator('#status').textContent()).toBe('Result: results/x.json');
    await server.close();
    await page.waitForTimeout(300);
    expect(problems).toEqual([]);
    const { origin } = new URL(server.url);
    for (const url of requests) expect(url.startsWith(origin)).toBe(true);
    await page.context().close();
  });

  test('says so when the run is gone without an end', async () => {
    const server = await startLiveServer({ port: 0, clientScript });
    for (const event of events.slice(0, 5)) server.onEvent(event);
    const { page } = await openWatched(browser, server.url);
    await page.waitForFunction(() =>
      document.getElementById('rate')!.textContent!.includes('MB/s'),
    );
    await server.close();
    await page.waitForFunction(() =>
      document.getElementById('status')!.textContent!.includes('cannot be reached'),
    );
    await page.context().close();
  });
});
