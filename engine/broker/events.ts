/** What happened in a broker, for logs and metrics: one line an event. */
export type BrokerEvent =
  | { readonly kind: 'registered'; readonly brokerEpoch: number; readonly wasCleanStop: boolean }
  | { readonly kind: 'registration-failed'; readonly cause: unknown }
  | { readonly kind: 'stale'; readonly brokerEpoch: number }
  | { readonly kind: 'heartbeat-failed'; readonly cause: unknown }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'unfenced'; readonly version: number }
  | { readonly kind: 'metadata-failed'; readonly cause: unknown }
  | { readonly kind: 'metadata-applied'; readonly version: number; readonly durationMs: number }
  /** Partitions that were here and that the cluster no longer wants here. */
  | {
      readonly kind: 'strays-removed';
      readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
    }
  | { readonly kind: 'settings-changed' }
  | { readonly kind: 'settings-refused'; readonly cause: unknown }
  | { readonly kind: 'stopping' }
  | {
      readonly kind: 'stopped';
      /** Everything it led is led elsewhere, where it could be. */
      readonly isControlled: boolean;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'topics-auto-created';
      readonly topics: readonly string[];
      readonly clientId: string | null;
    }
  | {
      readonly kind: 'auto-creation-failed';
      readonly topic: string;
      readonly errorCode: number;
      readonly errorMessage: string | null;
    }
  /** The controller could not be asked. */
  | { readonly kind: 'controller-failed'; readonly cause: unknown };
