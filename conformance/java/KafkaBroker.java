import java.io.InputStream;

/**
 * A single-node KRaft broker that cannot outlive the program that started it: when its standard input ends (the parent
 * closed the pipe, or died), the process exits through Kafka's shutdown hook, as on SIGTERM.
 */
public final class KafkaBroker {
  public static void main(String[] args) {
    Thread watcher = new Thread(() -> {
      try {
        InputStream in = System.in;
        while (in.read() >= 0) { }
      } catch (java.io.IOException e) {
        // A broken pipe means the same as its end.
      }
      System.exit(0);
    }, "parent-watcher");
    watcher.setDaemon(true);
    watcher.start();
    kafka.Kafka.main(args);
  }
}
