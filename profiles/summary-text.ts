import { bytesText, countText, digits, millisText, percentText } from '../benchmarks/model/text.js';
import type { Palette } from './palette.js';
import type { ProfileSummary } from './summary.js';

const MOST_ROWS = 12;

/** A summary for people, in lines of at most `width` columns where names allow. */
export function summaryText(
  summary: ProfileSummary,
  { bold, dim }: Palette,
  width: number,
): string {
  const { kind, tool, cell, seconds, gc, delay, rows } = summary;
  const lines = [
    bold(`${kind} of ${summary.process}: ${cell}`),
    dim(
      `Node ${summary.nodeVersion}, ${tool === 'clinic' ? "clinic's page" : "Node's own profiler"}, ${digits(seconds)} s`,
    ),
  ];
  if (summary.note !== null) lines.push(dim(summary.note));
  lines.push(
    '',
    `CPU            ${digits(summary.cpuSeconds / seconds)} cores${summary.idleShare === null ? '' : `, main thread idle ${percentText(summary.idleShare)}`}`,
    `GC             ${percentText(gc.share)} of the time, ${countText(gc.count)} times, longest ${millisText(gc.longestMs)}`,
    `event loop     busy ${percentText(summary.utilization)}; delay p50 ${millisText(delay.p50Ms)}, p99 ${millisText(delay.p99Ms)}, longest ${millisText(delay.maxMs)}`,
    `memory         at most ${bytesText(Math.round(summary.peakRssBytes / 1e5) * 1e5)}, mapped files included`,
    `records        ${countText(summary.recordsPerSecond)}/s while profiled, which costs: not a figure to quote`,
    '',
    ...table(summary, dim, width),
    '',
    `page           ${summary.files.html}`,
  );
  if (summary.files.raw !== null) lines.push(`profile        ${summary.files.raw}`);
  if (rows.length === 0) lines.push(dim('nothing was sampled'));
  return `${lines.join('\n')}\n`;
}

function table({ rows, unit }: ProfileSummary, dim: Palette['dim'], width: number): string[] {
  const shown = rows.slice(0, MOST_ROWS);
  const hasTotal = shown.some(({ totalShare }) => totalShare !== null);
  const named = Math.max(8, ...shown.map(({ name }) => name.length));
  const nameWidth = Math.min(named, Math.max(24, width - 80));
  const head = `  self${hasTotal ? '  with calls' : ''}  ${'function'.padEnd(nameWidth)}  where`;
  return [
    dim(`share of ${unit}`),
    dim(head),
    ...shown.map(({ name, place, selfShare, totalShare }) => {
      const total = totalShare === null ? '' : percentText(totalShare).padStart(12);
      const shortened = name.length > nameWidth ? `${name.slice(0, nameWidth - 1)}~` : name;
      return `${percentText(selfShare).padStart(6)}${total}  ${shortened.padEnd(nameWidth)}  ${dim(place)}`.trimEnd();
    }),
  ];
}
