// One JavaScript run, inside the walls: take the job, execute the module, send logs and the end.
//
// Started before a call comes, and used for one. Once the user's code has begun, it may tamper with everything here. So
// nothing that the server relies on is decided here; the server bounds what it reads.
"use strict";

const fs = require("node:fs");
const { Background } = require("./background.cjs");
const { Engine, Log, Request } = require("./engine.cjs");
const { passOnEnvironment } = require("./environment.cjs");
const { Output, capture, withoutOurs } = require("./output.cjs");
const { lookForWork, mayLeaveWork } = require("./unfinished.cjs");

const JOB_DESCRIPTOR = 3, FRAMES_DESCRIPTOR = 4;
// Without walls, the folder has the modules of other runs as well.
const MODULE = process.pid === 1 ? "/tmp/action.js" : `/tmp/action-${crypto.randomUUID()}.js`;
const NO_NETWORK = "runs have no network";
const NO_WAY = new Set(["EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH", "ENOTFOUND"]);
const ELSEWHERE = /(?<![\d.])(?!127\.|0\.)\d+\.\d+\.\d+\.\d+/; // node:net is refused where others find no way
const SOCKET_ELSEWHERE = /^WebSocket connection to 'wss?:\/\/(?!localhost|127\.|0\.|\[).*' failed: Failed to connect/;
const LEFT =
  "the run ended and left work unfinished: a timer, a request, a process, a server or the like. Await such work, or give it to " +
  "engine.waitUntil; clear timers that are not needed";
const { readSync } = fs;
const { setImmediate } = globalThis; // taken now, because a code may replace it
const output = new Output(FRAMES_DESCRIPTOR);
// Bun would end the process when nothing is left to happen. A promise that never settles has to be a time-out.
const keep = setInterval(() => {}, 2 ** 30);
let isDone = false;
let isAnswered = false; // while the run goes on
let background = null; // if there is work after the answer

function receive(length) {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let read = 0; read < length; ) {
    const count = readSync(JOB_DESCRIPTOR, buffer, read, length - read);
    if (count === 0) process.exit(0); // a warm sandbox that is not needed any more
    read += count;
  }
  return buffer;
}

/** Waits for the job and returns its description, which has the module's text, and the body. */
function receiveJob() {
  const payload = receive(receive(5).readUInt32BE(1));
  const end = 4 + payload.readUInt32BE(0);
  return [JSON.parse(payload.toString("utf8", 4, end)), payload.subarray(end)];
}

/** Returns the module's exports. `require` is four times as fast as `import`, but does not load a module that awaits. */
async function loaded() {
  try {
    return require(MODULE);
  } catch (thrown) {
    // It has been evaluated up to its first await; `import` goes on from there.
    if (thrown instanceof TypeError && thrown.message.startsWith("require() async module")) return import(MODULE);
    throw thrown;
  }
}

/** Returns the function to call. The module is in a file only while it is loaded. */
async function load(text) {
  fs.writeFileSync(MODULE, text);
  let found;
  try {
    found = await loaded();
  } finally {
    fs.rmSync(MODULE, { force: true });
  }
  const main = found.Run ?? (typeof found.default === "function" ? found.default : found.default?.Run);
  if (main === undefined) output.failure("invalid_source", "the source exports no function Run(engine)");
  if (typeof main !== "function") output.failure("invalid_source", `Run must be a function, not ${typeof main}`);
  return main;
}

/** Returns message and stack of a thrown value, with those of its causes: not many, for they may form a circle. */
function describe(thrown, causesLeft = 8) {
  try {
    if (!(thrown instanceof Error)) return [`thrown: ${typeof thrown === "string" ? thrown : Bun.inspect(thrown)}`, ""];
    const message = thrown.message ? `${thrown.name}: ${thrown.message}` : String(thrown.name);
    const stack = withoutOurs(thrown.stack ?? message);
    // An AggregateError has several.
    const causes = [...(thrown.cause === undefined ? [] : [thrown.cause]), ...(Array.isArray(thrown.errors) ? thrown.errors : [])].slice(0, causesLeft);
    const told = causes.map((cause) => `\nCaused by: ${(describe(cause, causesLeft - causes.length)[1] || describe(cause, 0)[0]).trimEnd()}`);
    return [message, `${stack}${told.join("")}\n`];
  } catch {
    return ["what was thrown cannot be described", ""];
  }
}

/** Adds to an error of the network why it is one, and returns it: runs have no network. */
function explained(thrown) {
  try {
    if (thrown instanceof ErrorEvent && thrown.error instanceof Error) thrown = thrown.error; // `socket.onerror = reject`
    if (process.pid !== 1) return thrown; // without walls, runs have the host's
    const { code, message, path = "" } = thrown;
    const isAway = NO_WAY.has(code) || (code === "ECONNREFUSED" && ELSEWHERE.test(`${message} ${path}`)) || SOCKET_ELSEWHERE.test(message);
    if (isAway && !message.includes(NO_NETWORK)) thrown.message = `${message}; ${NO_NETWORK}`;
  } catch {} // null, or an error with a mind of its own
  return thrown;
}

/** Lets `fetch` do so, whose errors are mostly caught. */
function tellOfNoNetwork() {
  const own = fetch;
  const telling = { fetch: (...given) => own(...given).catch((thrown) => { throw explained(thrown); }) }.fetch;
  globalThis.fetch = Object.assign(telling, own);
}

function fail(thrown) {
  const kind = thrown instanceof RangeError && thrown.message === "Out of memory" ? "memory" : "exception";
  output.failure(kind, ...describe(explained(thrown)));
}

/** Takes an error that nothing has caught. Once the run is done, it fails no more by it. */
function uncaught(thrown) {
  if (isDone) report("left unfinished, and failed", thrown);
  else fail(thrown);
}

function report(what, thrown) {
  const [message, trace] = describe(explained(thrown));
  output.line("error", `${what}: ${(trace || message).trimEnd()}`);
}

function addWork(work) {
  background ??= new Background((thrown) => report("work after the answer failed", thrown));
  background.add(work);
}

/** Has the answer go out, and the work after it done. */
async function goOn(result) {
  if (result.source) await result.sendSource();
  if (!background?.isOpen) return;
  if (!isAnswered && result.hasBegun) output.answered();
  else if (!isAnswered) output.earlyResult(result);
  isAnswered = true;
  await background.finish();
}

/** Ends the run, but for work that is given to it in the last moment, and tells of work that is left. */
async function finish(result, source) {
  if (result.source || background?.isOpen) await goOn(result);
  if (!mayLeaveWork(source)) end(result);
  isDone = true;
  lookForWork(keep, (isLeft) => {
    isDone = !background?.isOpen;
    if (!isDone) {
      // In a new turn of the loop: Bun tells once in each that nothing is left, and then ends the process.
      setImmediate(() => finish(result, source).catch(fail));
      return;
    }
    if (isLeft) output.line("warning", LEFT);
    end(result);
  });
}

function end(result) {
  if (background?.hasFailed) fail(background.error);
  if (isAnswered || result.hasBegun) output.end();
  output.result(result);
}

/** Does before the job comes what every run does: what is done for the first time takes many times as long. */
function rehearse() {
  const pairs = [["a", "b"]];
  const request = new Request({ method: "GET", path: "", params: pairs, headers: pairs }, Buffer.alloc(0));
  const engine = new Engine({ secrets: { a: "b" } }, request, new Log(() => {}), new Output(-1), addWork);
  engine.result.set({ a: engine.params.get("a"), b: engine.secrets.get("a") });
  engine.result.close();
  mayLeaveWork("");
}

async function main() {
  capture(output);
  tellOfNoNetwork();
  passOnEnvironment();
  process.argv = ["bun", MODULE];
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", uncaught);
  rehearse();
  const [job, body] = receiveJob(); // nothing before this makes a call wait
  fs.closeSync(JOB_DESCRIPTOR);
  output.limit(job.limits);
  if (job.environment) Object.assign(process.env, job.environment);
  if (job.timezone) process.env.TZ = job.timezone; // else it is UTC
  const engine = new Engine(job, new Request(job, body), new Log((level, text) => output.line(level, text)), output, addWork);
  const { result } = engine;
  try {
    const run = await load(job.source);
    // Called by the promise and not from here, so that the user's stacks have no frame of the engine.
    const value = await Promise.resolve(engine).then(run);
    if (value instanceof Response && !result.isSet && !result.hasBegun) {
      await require("./response.cjs").setResponse(result, value); // loaded by those that need it
    }
    result.close(value);
    await finish(result, job.source);
  } catch (thrown) {
    fail(thrown);
  }
}

main();
