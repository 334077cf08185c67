import pc from 'picocolors';
import { bytesText, digits, millisText, plural, secondsText } from '../model/text.js';
import type { Advice, Recommendation } from './advice.js';

/** The advice as a page of text for a terminal. */
export function renderAdvice(advice: Advice, options: { readonly color: boolean }): string {
  const colors = pc.createColors(options.color);
  const paint = { met: colors.green, 'not met': colors.red, 'not verified': colors.yellow };
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', colors.bold(title), ...lines];
  return [
    paint[advice.verdict](advice.text),
    ...section('Settings', settingLines(advice.recommendation, advice.request.isSynced)),
    ...section(
      'Why',
      advice.reasoning.flatMap(({ text, evidence }) => [
        `  ${text}`,
        ...evidence.map((line) => colors.dim(`      ${line}`)),
      ]),
    ),
    ...section('Was it run?', [`  ${advice.verification.text}`]),
    ...section(
      'One step cheaper, one step safer',
      advice.alternatives.map(({ kind, what, price }) => `  ${kind}: ${what}: ${price}`),
    ),
    ...section(
      'Rules of thumb',
      advice.rulesOfThumb.map(({ rule, verdict, text }) => `  ${verdict}: "${rule}": ${text}`),
    ),
    ...section(
      'Not in this',
      advice.limits.map((limit) => `  ${limit}`),
    ),
    '',
  ].join('\n');
}

function settingLines(recommendation: Recommendation, isSynced: boolean): string[] {
  const { consumersPerGroup, diskBytes, diskBytesPerBroker } = recommendation;
  const rows: readonly (readonly [string, string])[] = [
    ['partitions', String(recommendation.partitions)],
    ['replication factor', String(recommendation.replicationFactor)],
    ['acks', String(recommendation.acks)],
    ['min.insync.replicas', String(recommendation.minInsyncReplicas)],
    ['batch.size', `${recommendation.batchBytes} (${bytesText(recommendation.batchBytes)})`],
    ['linger.ms', digits(recommendation.lingerMs)],
    ['compression.type', recommendation.codec],
    ...(isSynced ? [['flush.messages', '1'] as const] : []),
    [
      'retention.ms',
      `${recommendation.retentionMs} (${secondsText(recommendation.retentionMs / 1000)})`,
    ],
    ['consumers in a group', plural(consumersPerGroup, 'member')],
    [
      'disk',
      `${bytesText(Math.ceil(diskBytes))}, ${bytesText(Math.ceil(diskBytesPerBroker))} a broker`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

/** The request in one line, for headers. */
export function requestText({ request }: Advice): string {
  return `asked: ${bytesText(request.recordBytes)} records, ${request.latency.percentile} within ${millisText(request.latency.limitMs)}, survive ${plural(request.surviveBrokers, 'lost broker')}`;
}
