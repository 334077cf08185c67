import { writeFileSync } from 'node:fs';
import { readClientScript } from '../client-script.js';
import { renderHtml } from '../html.js';
import { inventedExplanation } from './invented-explanation.js';
import { inventedResult } from './invented-result.js';

// node dist/benchmarks/report/testing/preview.js FILE: a report of invented figures, to look at while working on it.
const file = process.argv[2];
if (file === undefined) throw new Error('give the file to write');
writeFileSync(
  file,
  renderHtml(inventedResult(), {
    explanation: inventedExplanation(),
    slo: { percentile: 'p99', us: 10_000 },
    clientScript: readClientScript('report-client'),
  }),
);
