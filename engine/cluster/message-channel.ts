/** A way to another process that carries JSON values in order, or closes. */
export interface MessageChannel {
  /** Does nothing once the channel is closed. */
  send(message: unknown): void;
  /** Returns what ends the listening. */
  onMessage(listener: (message: unknown) => void): () => void;
  /** Called once, also when it is closed already. */
  onClose(listener: () => void): () => void;
}

/** The parts of a child process, or of this process as a child, that carry messages (Node's IPC channel). */
interface IpcEnd {
  readonly connected: boolean;
  send?(message: unknown, callback: (error: Error | null) => void): boolean;
  on(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
  off(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
}

export function ipcChannel(end: IpcEnd): MessageChannel {
  return {
    send(message) {
      // A channel that breaks while this is on its way says so through `disconnect`.
      if (end.connected) end.send?.(message, () => undefined);
    },
    onMessage(listener) {
      end.on('message', listener);
      return () => end.off('message', listener);
    },
    onClose(listener) {
      if (!end.connected) {
        queueMicrotask(listener);
        return () => undefined;
      }
      end.on('disconnect', listener);
      return () => end.off('disconnect', listener);
    },
  };
}
