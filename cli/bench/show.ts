import {
  listResults,
  readResult,
  resultJsonSchema,
  resultsDirectory,
} from '../../benchmarks/run/result-file.js';
import { printJson } from '../print-json.js';
import { printTable } from '../table.js';
import { printResult } from './print.js';

export function listAll(directory: string | undefined, { json }: { readonly json?: true }): void {
  const results = listResults(directory ?? resultsDirectory());
  if (json) {
    for (const result of results) printJson(result);
    return;
  }
  if (results.length === 0) {
    process.stdout.write('no results yet: `varve bench run` makes one\n');
    return;
  }
  printTable(
    ['STARTED', 'NAME', 'STATUS', 'CELLS', 'FILE'],
    results.map(({ startedAt, name, status, cells, path, problem }) => [
      startedAt,
      name,
      status,
      cells,
      problem === null ? path : `${path}: ${problem}`,
    ]),
    ['CELLS'],
  );
}

export function showOne(file: string, { slo }: { readonly slo?: string }): void {
  printResult(readResult(file), slo ?? null);
}

export function printSchema(): void {
  process.stdout.write(`${JSON.stringify(resultJsonSchema(), null, 2)}\n`);
}
