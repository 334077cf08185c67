import { describe, expect, it } from 'vitest';
import { cellOfWords } from './cell-words.js';

describe('a cell in words', () => {
  it.each([
    ['engine', { target: 'engine' }],
    ['engine partitions=4 recordBytes=100 flush=batch', { partitions: 4, flush: 'batch' }],
    ['cluster replicationFactor=3 acks=all', { target: 'cluster', replicationFactor: 3 }],
    ['acks=1', { target: 'cluster', acks: 1 }],
    ['quick', { target: 'cluster', partitions: 1, acks: 0 }],
    ['quick target=engine partitions=16', { target: 'engine', partitions: 16 }],
  ])('%s', (text, expected) => {
    expect(cellOfWords(text.split(' '))).toMatchObject(expected);
  });

  it.each([
    ['nonsense', /"nonsense" is no target \(engine, cluster\), no preset \(.*quick.*\)/],
    ['engine partitions=0', /partitions "0": .*1/],
    ['engine speed=9', /"speed=9" is not knob=value; knobs: target, /],
    ['cluster partitions=1,2', /partitions has 2 values: a profile is of one cell/],
    ['target=kafka://127.0.0.1:9092', /only a process of this machine/],
    ['cluster experiment=failover', /writes no profile/],
    ['cluster rate=50%', /of a maximum that nobody measured/],
    ['cluster brokers=1 replicationFactor=3', /replicationFactor/],
  ])('%s is refused', (text, message) => {
    expect(() => cellOfWords(text.split(' '))).toThrow(message);
  });
});
