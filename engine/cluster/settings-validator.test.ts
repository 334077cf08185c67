import { describe, expect, it } from 'vitest';
import { validateSettings } from './settings-validator.js';

describe('validateSettings', () => {
  it('takes what Kafka lets be changed while brokers run', () => {
    expect(validateSettings('broker', '', {})).toBeNull();
    expect(validateSettings('broker', '1', { 'log.retention.ms': '1000' })).toBeNull();
    expect(validateSettings('group', 'g', {})).toBeNull();
  });

  it.each([
    ['an unknown setting', { nope: '1' }, 'Unknown broker config name: nope'],
    [
      'one that needs a restart',
      { 'num.partitions': '3' },
      'Cannot update these configs dynamically: num.partitions',
    ],
    ['a value that is none', { 'log.retention.ms': 'soon' }, 'log.retention.ms is "soon"'],
  ])('refuses %s', (_, values, message) => {
    expect(validateSettings('broker', '', values)).toContain(message);
  });

  it('knows no setting of groups', () => {
    expect(validateSettings('group', 'g', { x: '1' })).toBe('Unknown group config name: x');
  });
});
