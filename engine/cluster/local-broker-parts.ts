/*
 * What a broker in this process is made of, as one thing to load: `Broker` itself is known to programs that never
 * start one.
 */
export { offsetsTopicConfig } from '../broker/auto-create.js';
export { openFileSystem } from '../io/index.js';
export { readIdentity } from '../topics/identity.js';
export { findTopics, requireWholeTopics } from './adopt-topics.js';
export { openController } from './open-controller.js';
export { RunningBroker } from './running-broker.js';
