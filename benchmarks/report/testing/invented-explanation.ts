import type { ReportExplanation } from '../explanation.js';

/** INVENTED sentences and figures that go with `inventedResult`. */
export function inventedExplanation(): ReportExplanation {
  return {
    answer: [
      {
        about: 'Partitions',
        text: 'from 1 partition to 8 partitions the rate rose to 2.31x (74 MB/s to 170 MB/s with RF 1, acks all).',
        why: 'Why: brokers that lead are 3 instead of 1.',
      },
      {
        about: 'Replication factor (RF)',
        text: 'from RF 1 to RF 3 the rate fell to 0.543x.',
        why: 'Why: each byte is written 3 times instead of 1.',
      },
      {
        about: 'Acks',
        text: 'from acks 0 to acks all the rate fell to 0.84x.',
        why: 'Why: an answer takes 6 ms instead of 2 ms.',
      },
      {
        about: 'What limits',
        text: 'all processors of the machine are busy in 40 of 54 settings.',
        why: '',
      },
    ],
    knobs: [
      {
        target: 'cluster',
        knob: 'partitions',
        ratio: 2.31,
        verdict: 'large',
        text: 'One broker led everything at 1 partition; 8 partitions use all three brokers.',
      },
      {
        target: 'cluster',
        knob: 'replicationFactor',
        ratio: 1.84,
        verdict: 'large',
        text: 'Every byte is written and sent once more for each replica.',
      },
      {
        target: 'cluster',
        knob: 'acks',
        ratio: 1.19,
        verdict: 'some',
        text: 'acks=all waits for the slower of two followers.',
      },
      {
        target: 'local-kafka',
        knob: 'partitions',
        ratio: 2.29,
        verdict: 'large',
        text: 'As above.',
      },
      {
        target: 'local-kafka',
        knob: 'replicationFactor',
        ratio: 1.84,
        verdict: 'large',
        text: 'As above.',
      },
      {
        target: 'local-kafka',
        knob: 'acks',
        ratio: 1.02,
        verdict: 'none',
        text: 'No significant difference: the machine was full at every setting.',
      },
    ],
    scaling: [1, 2, 3].flatMap((replicationFactor) =>
      ([0, 1, 'all'] as const).flatMap((acks) =>
        ['cluster', 'local-kafka'].map((target) => ({
          target,
          over: 'partitions' as const,
          fixed: { replicationFactor, acks },
          lambdaBytesPerSecond:
            ((target === 'cluster' ? 74e6 : 52e6) / (1 + 0.42 * (replicationFactor - 1))) *
            (acks === 0 ? 1.08 : acks === 1 ? 1 : 1 - 0.09 * (replicationFactor - 1)),
          sigma: 0.32,
          kappa: 0.0045,
          relativeError: 0.021,
          peakAt: 12.3,
          text: 'Contention 32 %, coherency 0.45 %: the predicted peak is at 12 partitions.',
        })),
      ),
    ),
    knees: [1, 3].map((replicationFactor) => ({
      target: 'cluster',
      fixed: { replicationFactor, partitions: 4, acks: 'all' },
      kneeBytesPerSecond: replicationFactor === 1 ? 110e6 : 52e6,
      withinSloBytesPerSecond: replicationFactor === 1 ? 132e6 : 58e6,
      text: 'Latency begins to rise steeply at 75 % of the highest rate.',
    })),
  };
}
