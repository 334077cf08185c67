import {
  describeTopicConfig,
  formatTopicConfig,
  parseTopicConfig,
  type TopicConfig,
} from '../config.js';
import type { TopicSettings } from '../log/log-options.js';

/** Settings that differ from the defaults: Kafka's names, Kafka's text for the values. */
export type TopicOverrides = Readonly<Record<string, string>>;

const NAME_OF = new Map<string, string>();
for (const { name, property } of describeTopicConfig()) {
  NAME_OF.set(name, name);
  NAME_OF.set(property, name);
}

/**
 * A topic found without its settings: nothing of it may be deleted because of a default that was never chosen
 * for it. Kafka keeps settings in its metadata log, so its directories do not hold them.
 */
export const ADOPTED_OVERRIDES: TopicOverrides = {
  'retention.ms': '-1',
  'retention.bytes': '-1',
};

/** Checks settings and gives them Kafka's names. Fails with INVALID_CONFIG. */
export function toOverrides(settings: TopicSettings): TopicOverrides {
  const texts = formatTopicConfig(parseTopicConfig(settings));
  const overrides: Record<string, string> = {};
  for (const [given, value] of Object.entries(settings)) {
    const name = NAME_OF.get(given);
    if (value === undefined || value === null || name === undefined) continue;
    const text = texts[name];
    if (text !== undefined) overrides[name] = text;
  }
  return overrides;
}

/** Kafka's name of a setting; an unknown name is given back as it is. */
export function settingName(name: string): string {
  return NAME_OF.get(name) ?? name;
}

/** The settings in force: a topic's own over the directory's defaults over Kafka's. */
export function effectiveConfig(defaults: TopicOverrides, own: TopicOverrides): TopicConfig {
  const merged: Record<string, string> = { ...defaults, ...own };
  const choosesSize = 'segment.bytes' in own && !('internal.segment.bytes' in own);
  if (choosesSize) delete merged['internal.segment.bytes'];
  return parseTopicConfig(merged);
}
