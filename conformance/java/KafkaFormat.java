/**
 * Formats the data directories of several nodes in one JVM, as `kafka-storage.sh format` does for one: starting a JVM
 * for each takes longer than all the rest. Arguments: the cluster's id, then files of settings.
 */
public final class KafkaFormat {
  public static void main(String[] args) {
    for (int i = 1; i < args.length; i += 1) {
      String[] command = {"format", "--ignore-formatted", "-t", args[0], "-c", args[i]};
      int status = kafka.tools.StorageTool.execute(command, System.out);
      if (status != 0) System.exit(status);
    }
    // Kafka's threads must not keep the program.
    System.exit(0);
  }
}
