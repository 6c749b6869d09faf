// A stock JavaScript client (@grpc/grpc-js) that plays a fixed script against a server and prints what it saw, a JSON list.
// Arguments: host:port, and the file of the authorities where the server speaks TLS.
const grpc = require("@grpc/grpc-js");
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");

const LARGEST = 8 << 20;
const raw = (data) => data;
const method = (name, streamed) => ({
  path: `/test/${name}`, requestStream: streamed, responseStream: streamed,
  requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw,
});
const METHODS = {};
for (const name of ["echo", "wait", "fail", "nothing"]) METHODS[name] = method(name, false);
for (const name of ["stream", "count"]) METHODS[name] = method(name, true);
const Client = grpc.makeGenericClientConstructor(METHODS, "test");
const BOUNDS = { "grpc.max_receive_message_length": LARGEST, "grpc.max_send_message_length": LARGEST };
const [address, authorities] = process.argv.slice(2);
const security = authorities ? grpc.credentials.createSsl(readFileSync(authorities)) : grpc.credentials.createInsecure();
const connect = (more) => new Client(address, security, { ...BOUNDS, ...more });

const saw = [];
const digest = (data) => `${data.length} ${createHash("sha256").update(data).digest("hex").slice(0, 16)}`;
const message = (size) => Buffer.from("0123456789abcdef".repeat(size / 16 + 1)).subarray(0, size);

function unary(client, name, sent, options = {}, cancelAfterMs = undefined) {
  return new Promise((done) => {
    const call = client[name](sent, new grpc.Metadata(), options, (error, got) =>
      done({ code: error ? error.code : 0, details: error?.details, trailers: error?.metadata, got: got ?? Buffer.alloc(0) }));
    if (cancelAfterMs !== undefined) setTimeout(() => call.cancel(), cancelAfterMs);
  });
}

async function main() {
  const client = connect({});
  for (const size of [0, 1, 16384, 70000, 1 << 20, LARGEST]) {
    const { code, got } = await unary(client, "echo", message(size));
    saw.push(["unary", digest(got), code]);
  }
  const compressing = connect({ "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip });
  const squeezed = await unary(compressing, "echo", message(100000));
  saw.push(["compressed", digest(squeezed.got), squeezed.code]);

  const stream = client.stream();
  const came = stream[Symbol.asyncIterator]();
  for (let number = 0; number < 50; number++) {
    stream.write(message(number * 1000));
    saw.push(["stream", digest((await came.next()).value), 0]);
  }
  stream.end();
  saw.push(["stream's end", (await came.next()).done]);

  const counting = client.count();
  counting.end(Buffer.from("100"));
  const all = [];
  for await (const one of counting) all.push(one);
  saw.push(["count", digest(Buffer.concat(all)), true]);

  saw.push(["deadline", (await unary(client, "wait", Buffer.alloc(0), { deadline: Date.now() + 300 })).code]);
  saw.push(["cancel", (await unary(client, "wait", Buffer.alloc(0), {}, 100)).code]);
  const failed = await unary(client, "fail", Buffer.from("5"));
  saw.push(["status", failed.code, failed.details, failed.trailers.get("x-text").flatMap((one) => one.split(", ")), failed.trailers.get("x-bytes-bin")[0].toString("hex")]);
  saw.push(["unknown", (await unary(client, "nothing", Buffer.alloc(0))).code]);
  const next = await unary(client, "echo", Buffer.from("next"));
  saw.push(["next", digest(next.got), next.code]);
  process.stdout.write(JSON.stringify(saw));
  process.exit(0);
}

main();
