// A stock Java client (grpc-java on Netty) that plays a fixed script against a server and prints what it saw, a JSON list.
// Arguments: host:port, and the file of the authorities where the server speaks TLS.
import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public final class StockGrpcClient {
  static final int LARGEST = 8 << 20;
  static final byte[] NOTHING = new byte[0];
  static final List<String> SAW = new ArrayList<>();

  /** Messages as bytes. */
  static final class Raw implements MethodDescriptor.Marshaller<byte[]> {
    @Override public InputStream stream(byte[] value) { return new ByteArrayInputStream(value); }
    @Override public byte[] parse(InputStream stream) {
      try { return stream.readAllBytes(); } catch (IOException error) { throw new UncheckedIOException(error); }
    }
  }

  static MethodDescriptor<byte[], byte[]> method(String name, MethodDescriptor.MethodType type) {
    return MethodDescriptor.newBuilder(new Raw(), new Raw()).setType(type).setFullMethodName("test/" + name).build();
  }

  static MethodDescriptor<byte[], byte[]> unary(String name) { return method(name, MethodDescriptor.MethodType.UNARY); }

  static void note(String... what) { SAW.add("[" + String.join(",", what) + "]"); }

  static String text(String value) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char one : value.toCharArray()) quoted.append(one < 0x20 || one == '"' || one == '\\' ? String.format("\\u%04x", (int) one) : String.valueOf(one));
    return quoted.append('"').toString();
  }

  static String digest(byte[] data) throws Exception {
    byte[] sum = MessageDigest.getInstance("SHA-256").digest(data);
    return text(data.length + " " + HexFormat.of().formatHex(sum).substring(0, 16));
  }

  static byte[] message(int size) {
    byte[] made = new byte[size];
    for (int at = 0; at < size; at++) made[at] = (byte) "0123456789abcdef".charAt(at % 16);
    return made;
  }

  static byte[] ask(ManagedChannel channel, String name, byte[] sent, CallOptions options) {
    return ClientCalls.blockingUnaryCall(channel, unary(name), options, sent);
  }

  static StatusRuntimeException failure(ManagedChannel channel, String name, byte[] sent, CallOptions options) {
    try { ask(channel, name, sent, options); } catch (StatusRuntimeException error) { return error; }
    throw new IllegalStateException(name + " was answered");
  }

  static String code(StatusRuntimeException error) { return String.valueOf(error.getStatus().getCode().value()); }

  public static void main(String[] arguments) throws Exception {
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget(arguments[0]).maxInboundMessageSize(LARGEST);
    ManagedChannel channel = (arguments.length == 1
        ? builder.usePlaintext()
        : builder.sslContext(GrpcSslContexts.forClient().trustManager(new File(arguments[1])).build())).build();
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS);
    for (int size : new int[] {0, 1, 16384, 70000, 1 << 20, LARGEST}) note(text("unary"), digest(ask(channel, "echo", message(size), options)), "0");
    note(text("compressed"), digest(ask(channel, "echo", message(100000), options.withCompression("gzip"))), "0");

    LinkedBlockingQueue<byte[]> came = new LinkedBlockingQueue<>();
    LinkedBlockingQueue<Boolean> ended = new LinkedBlockingQueue<>();
    StreamObserver<byte[]> stream = ClientCalls.asyncBidiStreamingCall(
        channel.newCall(method("stream", MethodDescriptor.MethodType.BIDI_STREAMING), options),
        new StreamObserver<byte[]>() {
          @Override public void onNext(byte[] value) { came.add(value); }
          @Override public void onError(Throwable error) { ended.add(false); }
          @Override public void onCompleted() { ended.add(true); }
        });
    for (int number = 0; number < 50; number++) {
      stream.onNext(message(number * 1000));
      note(text("stream"), digest(came.poll(30, TimeUnit.SECONDS)), "0");
    }
    stream.onCompleted();
    note(text("stream's end"), String.valueOf(ended.poll(30, TimeUnit.SECONDS)));

    ByteArrayOutputStream all = new ByteArrayOutputStream();
    Iterator<byte[]> counted = ClientCalls.blockingServerStreamingCall(
        channel, method("count", MethodDescriptor.MethodType.SERVER_STREAMING), options, "100".getBytes());
    while (counted.hasNext()) all.write(counted.next());
    note(text("count"), digest(all.toByteArray()), "true");

    note(text("deadline"), code(failure(channel, "wait", NOTHING, options.withDeadlineAfter(300, TimeUnit.MILLISECONDS))));
    Context.CancellableContext context = Context.current().withCancellation();
    Executors.newSingleThreadScheduledExecutor(Executors.defaultThreadFactory()).schedule(() -> context.cancel(null), 100, TimeUnit.MILLISECONDS);
    note(text("cancel"), context.call(() -> code(failure(channel, "wait", NOTHING, options))));

    StatusRuntimeException failed = failure(channel, "fail", "5".getBytes(), options);
    Metadata trailers = failed.getTrailers();
    List<String> texts = new ArrayList<>();
    for (String one : trailers.getAll(Metadata.Key.of("x-text", Metadata.ASCII_STRING_MARSHALLER))) texts.add(text(one));
    byte[] bytes = trailers.get(Metadata.Key.of("x-bytes-bin", Metadata.BINARY_BYTE_MARSHALLER));
    note(text("status"), code(failed), text(failed.getStatus().getDescription()), "[" + String.join(",", texts) + "]", text(HexFormat.of().formatHex(bytes)));
    note(text("unknown"), code(failure(channel, "nothing", NOTHING, options)));
    note(text("next"), digest(ask(channel, "echo", "next".getBytes(), options)), "0");
    new PrintStream(System.out, true, StandardCharsets.UTF_8).print("[" + String.join(",", SAW) + "]");
    System.exit(0);
  }
}
