import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.FileRecords;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's Java clients behind a line protocol: one JSON command per line on standard input, one JSON answer per line on
 * standard output. Keys, values and header values travel as base64, null as null. Argument: the bootstrap address
 * ("-" when only file commands are used).
 */
public final class KafkaClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long CONSUME_LIMIT_MS = 60_000;

  private final String bootstrap;
  private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
  private Admin admin;

  private KafkaClient(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  public static void main(String[] args) throws Exception {
    // Answers own standard output; anything a library prints goes to standard error.
    PrintStream answers = System.out;
    System.setOut(System.err);
    KafkaClient client = new KafkaClient(args[0]);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      ObjectNode answer = JSON.createObjectNode();
      try {
        answer.set("result", client.run(JSON.readTree(line)));
      } catch (Throwable e) {
        Throwable cause = e instanceof java.util.concurrent.ExecutionException && e.getCause() != null ? e.getCause() : e;
        answer.put("error", cause.toString());
      }
      answers.println(JSON.writeValueAsString(answer));
      answers.flush();
    }
    client.close();
  }

  private JsonNode run(JsonNode command) throws Exception {
    switch (command.get("command").asText()) {
      case "ready": return ready();
      case "createTopic": return createTopic(command);
      case "deleteRecords": return deleteRecords(command);
      case "openProducer": return openProducer(command);
      case "produce": return produce(command);
      case "beginTransaction": return transaction(command, KafkaProducer::beginTransaction);
      case "commitTransaction": return transaction(command, KafkaProducer::commitTransaction);
      case "abortTransaction": return transaction(command, KafkaProducer::abortTransaction);
      case "closeProducer": return closeProducer(command);
      case "consume": return consume(command);
      case "offsetsForTimes": return offsetsForTimes(command);
      case "commitOffset": return commitOffset(command);
      case "groupOffsets": return groupOffsets(command);
      case "readLog": return readLog(command);
      default: throw new IllegalArgumentException("unknown command " + command);
    }
  }

  private Admin admin() {
    if (admin == null) {
      Properties p = new Properties();
      p.put("bootstrap.servers", bootstrap);
      p.put("default.api.timeout.ms", "15000");
      p.put("request.timeout.ms", "5000");
      admin = Admin.create(p);
    }
    return admin;
  }

  private JsonNode ready() throws Exception {
    return JSON.getNodeFactory().textNode(admin().describeCluster().clusterId().get());
  }

  private JsonNode createTopic(JsonNode c) throws Exception {
    NewTopic topic = new NewTopic(c.get("topic").asText(), c.path("partitions").asInt(1), (short) 1);
    topic.configs(strings(c.get("configs")));
    return JSON.getNodeFactory().textNode(admin().createTopics(List.of(topic)).topicId(topic.name()).get().toString());
  }

  private JsonNode deleteRecords(JsonNode c) throws Exception {
    TopicPartition partition = partition(c);
    long before = c.get("beforeOffset").asLong();
    long low = admin().deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(before)))
        .lowWatermarks().get(partition).get().lowWatermark();
    return JSON.getNodeFactory().numberNode(low);
  }

  private JsonNode openProducer(JsonNode c) {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    // Batches are cut by flush() alone, so that a fixture has the batches its recipe names.
    p.put("linger.ms", "60000");
    p.put("batch.size", "1000000");
    p.put("max.request.size", "1048588");
    p.putAll(strings(c.get("configs")));
    KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    if (p.containsKey("transactional.id")) producer.initTransactions();
    producers.put(c.get("producer").asText(), producer);
    return JSON.getNodeFactory().booleanNode(true);
  }

  private JsonNode produce(JsonNode c) throws Exception {
    KafkaProducer<byte[], byte[]> producer = producer(c);
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (JsonNode r : c.get("records")) {
      ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(c.get("topic").asText(), partition(c).partition(),
          r.hasNonNull("timestamp") ? r.get("timestamp").asLong() : null, bytes(r.get("key")), bytes(r.get("value")));
      if (r.hasNonNull("headers")) {
        for (JsonNode h : r.get("headers")) record.headers().add(h.get("key").asText(), bytes(h.get("value")));
      }
      sent.add(producer.send(record));
    }
    producer.flush();
    ArrayNode offsets = JSON.createArrayNode();
    for (Future<RecordMetadata> f : sent) offsets.add(f.get().offset());
    return offsets;
  }

  private JsonNode transaction(JsonNode c, java.util.function.Consumer<KafkaProducer<byte[], byte[]>> step) {
    step.accept(producer(c));
    return JSON.getNodeFactory().booleanNode(true);
  }

  private JsonNode closeProducer(JsonNode c) {
    producer(c).close();
    producers.remove(c.get("producer").asText());
    return JSON.getNodeFactory().booleanNode(true);
  }

  private KafkaProducer<byte[], byte[]> producer(JsonNode c) {
    KafkaProducer<byte[], byte[]> producer = producers.get(c.get("producer").asText());
    if (producer == null) throw new IllegalArgumentException("no producer " + c.get("producer"));
    return producer;
  }

  private KafkaConsumer<byte[], byte[]> consumer(String isolation, String group) {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("isolation.level", isolation);
    p.put("enable.auto.commit", "false");
    p.put("auto.offset.reset", "none");
    p.put("default.api.timeout.ms", "15000");
    // Closing waits for the fetch under way, which at the log's end is this long.
    p.put("fetch.max.wait.ms", "20");
    if (group != null) p.put("group.id", group);
    return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private JsonNode consume(JsonNode c) {
    TopicPartition partition = partition(c);
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(c.get("isolation").asText(), null)) {
      consumer.assign(List.of(partition));
      long start = consumer.beginningOffsets(List.of(partition)).get(partition);
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      consumer.seek(partition, start);
      ObjectNode result = JSON.createObjectNode();
      result.put("beginningOffset", start).put("endOffset", end);
      ArrayNode records = result.putArray("records");
      long deadline = System.currentTimeMillis() + CONSUME_LIMIT_MS;
      while (consumer.position(partition) < end) {
        if (System.currentTimeMillis() > deadline) {
          throw new IllegalStateException("consumed up to offset " + consumer.position(partition) + " of " + end);
        }
        for (ConsumerRecord<byte[], byte[]> r : consumer.poll(POLL)) {
          records.add(record(r.offset(), r.timestamp(), r.key(), r.value(), r.headers().toArray()));
        }
      }
      return result;
    }
  }

  private JsonNode offsetsForTimes(JsonNode c) {
    TopicPartition partition = partition(c);
    ArrayNode found = JSON.createArrayNode();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_uncommitted", null)) {
      for (JsonNode time : c.get("timestamps")) {
        OffsetAndTimestamp at = consumer.offsetsForTimes(Map.of(partition, time.asLong())).get(partition);
        ObjectNode row = found.addObject();
        row.put("target", time.asLong());
        if (at == null) row.putNull("offset").putNull("timestamp");
        else row.put("offset", at.offset()).put("timestamp", at.timestamp());
      }
    }
    return found;
  }

  private JsonNode commitOffset(JsonNode c) {
    TopicPartition partition = partition(c);
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_uncommitted", c.get("group").asText())) {
      consumer.assign(List.of(partition));
      consumer.commitSync(Map.of(partition, new OffsetAndMetadata(c.get("offset").asLong(), c.get("metadata").asText())));
    }
    return JSON.getNodeFactory().booleanNode(true);
  }

  /** What a group has committed, by "topic-partition". */
  private JsonNode groupOffsets(JsonNode c) throws Exception {
    ObjectNode offsets = JSON.createObjectNode();
    admin().listConsumerGroupOffsets(c.get("group").asText()).partitionsToOffsetAndMetadata().get()
        .forEach((partition, committed) -> offsets.putObject(partition.toString())
            .put("offset", committed.offset()).put("metadata", committed.metadata()));
    return offsets;
  }

  /** Reads a .log file with Kafka's own record classes, checking every CRC: what a broker would see, without a broker. */
  private JsonNode readLog(JsonNode c) throws Exception {
    ArrayNode records = JSON.createArrayNode();
    try (FileRecords log = FileRecords.open(new File(c.get("file").asText()), false)) {
      for (RecordBatch batch : log.batches()) {
        batch.ensureValid();
        if (batch.isControlBatch()) continue;
        for (Record r : batch) {
          r.ensureValid();
          records.add(record(r.offset(), r.timestamp(), array(r.key()), array(r.value()), r.headers()));
        }
      }
    }
    return records;
  }

  private static ObjectNode record(long offset, long timestamp, byte[] key, byte[] value, Header[] headers) {
    ObjectNode node = JSON.createObjectNode();
    node.put("offset", offset).put("timestamp", timestamp);
    node.put("key", base64(key)).put("value", base64(value));
    ArrayNode list = node.putArray("headers");
    for (Header h : headers) list.addObject().put("key", h.key()).put("value", base64(h.value()));
    return node;
  }

  private static byte[] array(ByteBuffer buffer) {
    if (buffer == null) return null;
    byte[] out = new byte[buffer.remaining()];
    buffer.duplicate().get(out);
    return out;
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }

  private static byte[] bytes(JsonNode node) {
    return node == null || node.isNull() ? null : Base64.getDecoder().decode(node.asText());
  }

  private static TopicPartition partition(JsonNode c) {
    return new TopicPartition(c.get("topic").asText(), c.path("partition").asInt(0));
  }

  private static Map<String, String> strings(JsonNode node) {
    Map<String, String> out = new HashMap<>();
    if (node != null) node.fields().forEachRemaining(e -> out.put(e.getKey(), e.getValue().asText()));
    return out;
  }

  private void close() {
    // Timeout zero: an open transaction must stay open, not be aborted by a polite goodbye.
    for (KafkaProducer<byte[], byte[]> p : producers.values()) p.close(Duration.ZERO);
    if (admin != null) admin.close(Duration.ofSeconds(5));
  }
}
