import { z } from 'zod';
import { cellSchema } from '../model/knobs.js';
import { estimateSchema } from '../model/result.js';
import { METRIC_NAMES } from './metrics.js';

/** What two results have to say about each other, as a document. */
export const VERDICTS = ['better', 'worse', 'no significant difference', 'cannot tell'] as const;

export const metricComparisonSchema = z.object({
  metric: z.enum(METRIC_NAMES),
  label: z.string(),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  a: estimateSchema,
  b: estimateSchema,
  ratio: z.number().nullable().describe('B over A, of geometric means'),
  low: z.number().nullable().describe('95 % interval of the ratio, of this cell alone'),
  high: z.number().nullable(),
  p: z
    .number()
    .nullable()
    .describe('of so large a difference by chance anywhere in this comparison (Holm)'),
  visibleChange: z
    .number()
    .nullable()
    .describe('a smaller change than this (0.05: 5 %) would not have been seen'),
  spread: z.number().nullable().describe('relative, from run to run'),
  verdict: z.enum(VERDICTS),
  reason: z.string(),
});

export const cellComparisonSchema = z.object({
  id: z.string(),
  cellA: cellSchema,
  cellB: cellSchema,
  metrics: z.array(metricComparisonSchema),
  verdict: z.enum([...VERDICTS, 'mixed']),
  failure: z.string().nullable().describe('why one side has no figures here'),
});

export const comparisonSchema = z.object({
  a: z.string(),
  b: z.string(),
  isPaired: z.boolean().describe('A and B alternated: compared repeat by repeat'),
  test: z.string().describe('how the verdicts were found'),
  cells: z.array(cellComparisonSchema),
  onlyInA: z.array(z.string()),
  onlyInB: z.array(z.string()),
  notes: z.array(z.string()).describe('what differs besides what is compared'),
  overall: z.object({
    verdict: z.enum([...VERDICTS, 'mixed']),
    isRegression: z.boolean().describe('something is worse, or fails in B only: exit code of CI'),
    better: z.number().int(),
    worse: z.number().int(),
    same: z.number().int(),
    unknown: z.number().int(),
    text: z.string(),
  }),
});

export type Verdict = (typeof VERDICTS)[number];
export type MixedVerdict = Verdict | 'mixed';
export type MetricComparison = z.infer<typeof metricComparisonSchema>;
export type CellComparison = z.infer<typeof cellComparisonSchema>;
export type Comparison = z.infer<typeof comparisonSchema>;
