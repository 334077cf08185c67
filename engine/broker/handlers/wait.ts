/**
 * Longest that an answer waits for this broker to learn what the controller has already done: clients ask for
 * minutes, and then would not hear of a success while the broker is cut off.
 */
const MOST_WAIT_MS = 5000;

/** How long to wait, out of the timeout that a request gives. */
export function waitMs(timeoutMs: number): number {
  return Math.max(0, Math.min(timeoutMs, MOST_WAIT_MS));
}
