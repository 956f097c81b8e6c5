// One call in one process of Bun or Node, as services without warm sandboxes start it: `call.mjs action.mjs`. It reads
// the call as JSON from standard input and writes the result as JSON to standard output.
import { readFileSync } from "node:fs";

const call = JSON.parse(readFileSync(0, "utf8"));
let result = null;
const engine = {
  params: { get: (name, otherwise = null) => call.params[name] ?? otherwise },
  result: { set: (value) => { result = value; } },
};
const { Run } = await import(process.argv[2]);
await Run(engine);
process.stdout.write(JSON.stringify(result));
