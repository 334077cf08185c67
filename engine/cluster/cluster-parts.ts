/* What a supervisor needs when it starts a cluster, as one thing to load; its brokers load meanwhile. */
export { openFileSystem } from '../io/index.js';
export { openController } from './open-controller.js';
