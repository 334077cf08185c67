import { brokerSetting, parseBrokerConfig } from '../broker/broker-config.js';
import { isVarveError } from '../errors.js';
import { parseSettingValue } from '../settings.js';
import type { ConfigValidator } from './config-decisions.js';

/** What may be set of brokers and groups while they run: Kafka's dynamic broker settings, and nothing of groups. */
export const validateSettings: ConfigValidator = (resource, _name, values) => {
  const [first] = Object.keys(values);
  if (resource === 'group')
    return first === undefined ? null : `Unknown group config name: ${first}`;
  try {
    for (const [name, value] of Object.entries(values)) {
      const setting = brokerSetting(name);
      if (setting === undefined) return `Unknown broker config name: ${name}`;
      if (!setting.isDynamic) return `Cannot update these configs dynamically: ${name}`;
      parseSettingValue(name, setting.kind, value);
    }
    parseBrokerConfig(values);
    return null;
  } catch (error) {
    if (!isVarveError(error, 'INVALID_CONFIG')) throw error;
    return error.message;
  }
};
