import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { RunResult } from '../../benchmarks/model/result.js';
import { readClientScript } from '../../benchmarks/report/client-script.js';
import { renderHtml } from '../../benchmarks/report/html.js';
import { renderMarkdown } from '../../benchmarks/report/markdown.js';
import { readResult } from '../../benchmarks/run/result-file.js';
import { explainedFor } from './explained.js';

export function writeReport(
  file: string,
  {
    out,
    slo,
    markdown,
  }: { readonly out?: string; readonly slo?: string; readonly markdown?: true },
): void {
  const result = readResult(file);
  if (markdown) {
    process.stdout.write(renderMarkdown(result, explainedFor(result, slo ?? null)));
    return;
  }
  const path = writeReportFile(result, { report: out, slo }, resolve(file));
  process.stdout.write(`${path}\n`);
}

/** Beside the result where it is not said: `run.json` has its report in `run.html`. */
export function writeReportFile(
  result: RunResult,
  flags: { readonly report?: string | false | undefined; readonly slo?: string | undefined },
  resultPath: string,
): string | null {
  const chosen = flags.report;
  if (chosen === false) return null;
  const isDevice = resultPath.startsWith('/dev/');
  if (chosen === undefined && isDevice) return null;
  const path = chosen === undefined ? resultPath.replace(/(\.json)?$/, '.html') : resolve(chosen);
  const html = renderHtml(result, {
    ...explainedFor(result, flags.slo ?? null),
    clientScript: readClientScript('report-client'),
    filesAt: relative(dirname(path), dirname(resultPath)),
  });
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, html);
  return path;
}
