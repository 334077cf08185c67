import { createRequire } from 'node:module';

/**
 * Loads a codec's library at first use, so that a program pays only for the codecs it uses.
 * `require` because compression is synchronous and an `import()` is not.
 */
export const lazyRequire = createRequire(import.meta.url);
