// The stock client, asked by the tests: reads one JSON list of questions from stdin, writes one JSON list of answers to stdout.
// A question: {"call": "chat.completions.create", "body": {...}}. An answer: {"value"}, {"chunks"} or {"error"}.
const { default: OpenAI } = require("openai");

const client = new OpenAI({ baseURL: process.env.WEIR_BASE_URL, apiKey: process.env.WEIR_KEY, maxRetries: 0 });

async function ask({ call, body }) {
  const names = call.split(".");
  const owner = names.slice(0, -1).reduce((part, name) => part[name], client);
  try {
    const answer = await owner[names.at(-1)](body);
    if (body && body.stream) {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      return { chunks };
    }
    return { value: call === "models.list" ? answer.data : answer };
  } catch (error) {
    return { error: { name: error.constructor.name, status: error.status, param: error.param, code: error.code, message: error.message } };
  }
}

async function main() {
  let text = "";
  for await (const part of process.stdin) text += part;
  const answers = [];
  for (const question of JSON.parse(text)) answers.push(await ask(question));
  process.stdout.write(JSON.stringify(answers));
}

main();
