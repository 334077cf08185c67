import { byteRateText, countText, digits, microsText, secondsText } from '../../model/text.js';
import { startTheme } from '../../report/client/theme.js';
import { echarts } from '../../report/echarts.js';
import type { ThemeName } from '../../report/theme.js';
import { latencyOption, rateOption } from '../live-charts.js';
import type { LiveMessage } from '../message.js';
import { type MeasuredRun, NOTHING_YET, nextState, type RunState } from '../run-state.js';

const CHART_PX = 260;
let state: RunState = NOTHING_YET;
let theme: ThemeName = 'light';
let shownRuns = 0;
let shownLabel = '';

const element = (id: string): HTMLElement => document.getElementById(id)!;
const rateChart = chartIn('rate-chart');
const latencyChart = chartIn('latency-chart');

startTheme((chosen) => {
  theme = chosen;
  draw();
});
new ResizeObserver(draw).observe(element('rate-chart'));

const source = new EventSource('events');
source.onmessage = ({ data }: MessageEvent<string>) => {
  state = nextState(state, JSON.parse(data) as LiveMessage);
  drawSoon();
  if (state.finished !== null) source.close();
};
source.onopen = () => {
  // The server tells everything from the beginning to whoever joins again.
  state = NOTHING_YET;
  shownRuns = 0;
  element('measured').querySelector('tbody')!.replaceChildren();
};
source.onerror = () => {
  if (state.finished === null)
    element('status').textContent = 'The run cannot be reached: it may have ended.';
};

let isWaiting = false;
/** Once a frame is enough, however many events a late joiner gets at once. */
function drawSoon(): void {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    draw();
  });
}

function draw(): void {
  const { current, finished, done, runs, remainingSeconds } = state;
  element('name').textContent = state.name;
  element('title').textContent = titleText();
  const label = statusText();
  // A screen reader says it again whenever it is set.
  if (label !== shownLabel) element('status').textContent = label;
  shownLabel = label;
  const progress = element('progress');
  progress.setAttribute('aria-valuemax', String(runs));
  progress.setAttribute('aria-valuenow', String(done));
  (progress.firstElementChild as HTMLElement).style.width =
    `${runs === 0 ? 0 : (done / runs) * 100}%`;
  element('done').textContent = `${done} of ${runs} runs`;
  element('left').textContent =
    finished !== null
      ? 'done'
      : remainingSeconds === null
        ? '\u2013'
        : secondsText(Math.ceil(remainingSeconds));
  const samples = current?.samples ?? [];
  const last = samples.at(-1);
  if (last !== undefined) {
    element('rate').textContent = byteRateText(last.producedBytesPerSecond);
    element('records').textContent = `${countText(last.producedRecordsPerSecond)} records/s`;
    element('p50').textContent = last.p50Us === null ? '\u2013' : microsText(last.p50Us);
    element('p99').textContent = last.p99Us === null ? '\u2013' : microsText(last.p99Us);
  }
  drawChart(rateChart, 'rate-chart', (width) => rateOption(samples, { theme, width }));
  drawChart(latencyChart, 'latency-chart', (width) => latencyOption(samples, { theme, width }));
  if (last !== undefined) {
    element('rate-chart').setAttribute(
      'aria-label',
      `now ${byteRateText(last.producedBytesPerSecond)}`,
    );
    const p99 = last.p99Us === null ? 'not measured' : microsText(last.p99Us);
    element('latency-chart').setAttribute('aria-label', `p99 now ${p99}`);
  }
  addMeasured();
  element('failures').replaceChildren(
    ...state.failures.map((failure) =>
      textElement('p', `Failed: ${failure.label}: ${failure.message}`, 'notice'),
    ),
  );
}

function titleText(): string {
  if (state.finished !== null) return `Finished: ${state.finished.status}`;
  return state.current?.label ?? 'Starting';
}

function statusText(): string {
  const { finished, current } = state;
  if (finished !== null) {
    const reason = finished.reason === null ? '' : `${finished.reason}. `;
    return `${reason}${finished.path === null ? '' : `Result: ${finished.path}`}`;
  }
  if (state.doing !== '') return state.doing;
  return current === null
    ? 'Waiting'
    : `Repeat ${current.repeat + 1}, ${current.samples.at(-1)?.phase ?? 'starting'}`;
}

function chartIn(id: string) {
  return echarts.init(element(id), null, { renderer: 'svg', width: 1, height: CHART_PX });
}

function drawChart(
  chart: ReturnType<typeof chartIn>,
  id: string,
  option: (width: number) => Parameters<typeof chart.setOption>[0],
): void {
  const box = element(id);
  const width = box.clientWidth;
  if (width === 0) return;
  box.style.height = `${CHART_PX}px`;
  chart.resize({ width, height: CHART_PX });
  chart.setOption(option(width), { notMerge: true });
}

/** The newest on top. */
function addMeasured(): void {
  const body = element('measured').querySelector('tbody')!;
  for (const run of state.measured.slice(shownRuns)) body.prepend(rowOf(run));
  shownRuns = state.measured.length;
}

function rowOf(run: MeasuredRun): HTMLTableRowElement {
  const row = document.createElement('tr');
  const ms = (us: number | null): string => (us === null ? '\u2013' : digits(us / 1e3));
  row.append(
    textElement('td', run.label),
    ...[String(run.repeat + 1), digits(run.bytesPerSecond / 1e6), ms(run.p50Us), ms(run.p99Us)].map(
      (text) => textElement('td', text, 'right'),
    ),
  );
  return row;
}

function textElement(tag: string, text: string, className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}
