import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cellOfWords } from './cell-words.js';
import { findClinic } from './clinic.js';
import { KINDS, type ProfileKind, type Tool } from './kinds.js';
import { clinicDirectory, type ProfileRequest, profileCell } from './profile-cell.js';
import type { ProfileSummary } from './summary.js';

/* The short version of what README.md says was tried: every kind, of an engine and of a broker, opened in Chromium. */

const CHROMIUM = '/usr/bin/chromium';
const hasClinic = findClinic(clinicDirectory()) !== null;
const hasChromium = existsSync(CHROMIUM);
if (!hasClinic) console.warn('profiles: clinic is not installed, so its pages are not looked at');
if (!hasChromium) console.warn(`profiles: there is no ${CHROMIUM}, so no page is opened`);

const LIMIT_MS = 300_000;
/** A machine that is busy elsewhere may give a process nothing for the second that is measured. */
const TRIED = { timeout: LIMIT_MS, retry: 2 };
/** On the page of each kind, once its script has run. Clinic's flame graphs are drawn on a canvas. */
const SHOWN: Readonly<Record<Tool, Readonly<Record<ProfileKind, RegExp>>>> = {
  node: {
    flame: /self %[\s\S]*engine\//,
    heap: /self %[\s\S]*engine\//,
    doctor: /Event-loop delay[\s\S]*Busy time by function[\s\S]*engine\//,
    bubbleprof: /Asynchronous operations by kind[\s\S]*PROMISE/,
  },
  clinic: {
    flame: /hottest frame, of \d{2,}/,
    heap: /biggest allocation, of \d+/,
    doctor: /Event Loop Delay\s*ms\n[:.]\d+/,
    bubbleprof: /calls to \d+,\d+ async resources/,
  },
};

/** A function of `PartitionLog` on clinic's page, as the program's own. */
const shownAsOwn = (name: string): RegExp =>
  new RegExp(
    `"${name} (?:\\.|/varve\\.js)/engine/log/partition-log\\.ts[^"]*"[^{}]*"category":"app"`,
  );

const CELLS = [
  { whose: 'engine', words: ['engine', 'recordBytes=100'], own: shownAsOwn('append') },
  {
    whose: 'broker 1',
    words: ['cluster', 'brokers=1', 'recordBytes=100'],
    own: shownAsOwn('(?:appendBatches|read)'),
  },
] as const;

let directory: string;
let browser: Browser | null = null;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'varve-pages-'));
  if (!hasChromium) return;
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
  browser = await chromium.launch({ executablePath: CHROMIUM, args });
});
afterAll(async () => {
  await browser?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function profile(
  kind: ProfileKind,
  tool: Tool,
  words: readonly string[],
): Promise<ProfileSummary> {
  const request: ProfileRequest = {
    kind,
    cell: cellOfWords(words),
    tool,
    brokerId: 1,
    warmupSeconds: 0.2,
    measureSeconds: 0.8,
    isLive: false,
    out: join(directory, 'out'),
    directory: join(directory, 'data'),
  };
  const { signal } = new AbortController();
  return profileCell(request, { onDoing: () => undefined, signal });
}

/** What the page says, and everything that a browser has against it. */
async function open(html: string, shown: RegExp): Promise<string[]> {
  if (browser === null) return [];
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`asks for ${request.url()}`);
  });
  await page.goto(`file://${html}`);
  const hasIt = page.waitForFunction(
    (pattern) => {
      const { body } = (globalThis as unknown as { document: { body: { innerText: string } } })
        .document;
      return new RegExp(pattern).test(body.innerText);
    },
    shown.source,
    { timeout: 20_000 },
  );
  await hasIt.catch(() => problems.push(`does not show ${shown}`));
  await page.close();
  return problems;
}

function expectSense(summary: ProfileSummary): void {
  expect(summary.seconds).toBeGreaterThan(1);
  expect(summary.cpuSeconds).toBeGreaterThan(0.05);
  expect(summary.recordsPerSecond).toBeGreaterThan(0);
  expect(summary.gc.count).toBeGreaterThan(0);
  expect(summary.rows.slice(0, 40).some(({ place }) => /^(engine|benchmarks)\//.test(place))).toBe(
    true,
  );
}

describe.each(KINDS)('%s', (kind) => {
  it.each(CELLS)('by Node, of $whose', TRIED, async ({ whose, words }) => {
    const summary = await profile(kind, 'node', words);
    expectSense(summary);
    expect(summary).toMatchObject({ kind, tool: 'node', process: whose });
    expect(await open(join(process.cwd(), summary.files.html), SHOWN.node[kind])).toEqual([]);
  });

  const itWithClinic = it.skipIf(!hasClinic);
  itWithClinic.each(CELLS)('by clinic, of $whose', TRIED, async ({ whose, words, own }) => {
    const summary = await profile(kind, 'clinic', words);
    expectSense(summary);
    expect(summary).toMatchObject({ kind, tool: 'clinic', process: whose });
    const html = join(process.cwd(), summary.files.html);
    expect(await open(html, SHOWN.clinic[kind])).toEqual([]);
    if (kind !== 'flame' && kind !== 'heap') return;
    // What is not the program's own is hidden at first.
    expect(readFileSync(html, 'utf8')).toMatch(own);
  });
});

it('leaves nothing but the pages, also when it is interrupted', { timeout: LIMIT_MS }, async () => {
  const stop = new AbortController();
  const request: ProfileRequest = {
    kind: 'flame',
    cell: cellOfWords(['engine']),
    tool: 'node',
    brokerId: 1,
    warmupSeconds: 0,
    measureSeconds: 60,
    isLive: false,
    out: join(directory, 'interrupted'),
    directory: join(directory, 'data'),
  };
  const running = profileCell(request, { onDoing: () => undefined, signal: stop.signal });
  setTimeout(() => stop.abort(new Error('enough')), 3000);
  await expect(running).rejects.toThrow('enough');
  expect(readdirSync(join(directory, 'data'))).toEqual([]);
  expect(readdirSync(join(directory, 'interrupted'))).toEqual([]);
});
