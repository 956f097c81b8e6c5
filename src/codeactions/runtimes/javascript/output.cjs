// The output of a JavaScript run: log lines through the engine, printed lines, and the frame that ends it.
"use strict";

const fs = require("node:fs");
const { format } = require("./engine.cjs");

// codeactions/runtimes/protocol.py has the protocol.
const LOG = 2, RESULT = 3, FAILURE = 4;
const LEVELS = { debug: 0, info: 1, error: 2 };
const META_LIMIT = 64 * 1024;
// Characters of a failure's message, and of either end of its trace: JSON turns each into up to 6 bytes, and one that is
// two of them into 12.
const TEXT_LIMIT = Math.floor(META_LIMIT / 40);
const LONGEST_PARTIAL = 400_004; // of a line without an end; no setting keeps more of a line
// Taken now, because a code may replace them.
const { writeSync } = fs;
const { exit } = process;
const { stringify } = JSON;
const bytes = (text) => Buffer.from(text);
const now = performance.now.bind(performance);

/** Sends frames to the server, and stops sending log lines at the limits. */
class Output {
  #descriptor;
  #lines = 0;
  #characters = 0;
  #left = 0;
  #partial = { info: "", error: "" };
  #resultBytes = 0;
  heldBack = 0;

  constructor(descriptor) { this.#descriptor = descriptor; }

  limit(limits) {
    this.#lines = limits.log_lines;
    this.#characters = limits.log_characters;
    this.#left = limits.log_bytes;
    this.#resultBytes = limits.result_bytes;
  }

  /** Sends a log line, or holds it back when enough are sent. */
  line(level, text) {
    this.#spend(text.length + 1);
    if (this.#lines <= 0) {
      this.heldBack++; // told with the run's end
      return;
    }
    this.#lines--;
    const most = this.#characters + 1;
    const kept = text.length <= most ? text : Array.from(text.slice(0, 2 * most)).slice(0, most).join("");
    this.#send(LOG, Buffer.from([LEVELS[level]]), bytes(kept));
  }

  /** Takes text that need not be whole lines. */
  print(level, text) {
    const lines = (this.#partial[level] + text).split("\n");
    let partial = lines.pop();
    for (const line of lines) this.line(level, line);
    if (partial.length > LONGEST_PARTIAL) {
      this.#spend(partial.length - LONGEST_PARTIAL);
      partial = partial.slice(0, LONGEST_PARTIAL);
    }
    this.#partial[level] = partial;
  }

  /** Ends the run with its answer. */
  result({ statusCode, contentType, headers, body }) {
    this.#finish();
    if (body.length > this.#resultBytes) {
      this.fail("output_limit", `the result has ${body.length} bytes; the limit is ${this.#resultBytes}`);
    }
    const meta = bytes(stringify({ status_code: statusCode, content_type: contentType, headers, held_back: this.heldBack }));
    if (meta.length > META_LIMIT) this.fail("output_limit", `the result's headers are over ${META_LIMIT} bytes`);
    this.#send(RESULT, sized(meta), meta, body);
    exit(0);
  }

  /** Ends the run with an error. */
  failure(type, message, trace = "") {
    this.#finish();
    this.fail(type, message, trace);
  }

  fail(type, message, trace = "") {
    // Of a long trace, the beginning and the end tell the most.
    if (trace.length > 2 * TEXT_LIMIT) {
      trace = `${trace.slice(0, TEXT_LIMIT)}\n… ${trace.length - 2 * TEXT_LIMIT} characters left out …\n${trace.slice(-TEXT_LIMIT)}`;
    }
    const meta = bytes(stringify({ type, message: message.slice(0, TEXT_LIMIT), traceback: trace, held_back: this.heldBack }));
    this.#send(FAILURE, sized(meta), meta);
    exit(0);
  }

  #finish() {
    for (const level of ["info", "error"]) {
      const rest = this.#partial[level];
      this.#partial[level] = "";
      if (rest) this.line(level, rest);
    }
  }

  #spend(size) {
    this.#left -= size;
    if (this.#left < 0) this.fail("output_limit", "the run wrote more to its log than may be read");
  }

  #send(kind, ...parts) {
    const head = Buffer.alloc(5);
    head[0] = kind;
    head.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0), 1);
    const frame = Buffer.concat([head, ...parts]);
    for (let sent = 0; sent < frame.length; ) sent += writeSync(this.#descriptor, frame, sent);
  }
}

function sized(meta) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(meta.length);
  return length;
}

/** Makes console, process.stdout and process.stderr write to the log, in order with the engine's own lines. */
function capture(output) {
  const levels = { log: "info", info: "info", debug: "debug", trace: "error", warn: "error", error: "error" };
  let indent = "";
  const print = (level, text) => {
    for (const line of text.split("\n")) output.line(level, indent + line);
  };
  for (const [name, level] of Object.entries(levels)) console[name] = (...values) => print(level, format(values));
  // Bun's own methods would write past the log, and the lines would be read some time later.
  const counts = new Map(), timers = new Map();
  const passed = (label) => `${label}: ${(now() - (timers.get(label) ?? now())).toFixed(2)}ms`;
  Object.assign(console, {
    dir: (value, options) => print("info", require("node:util").inspect(value, options)),
    table: (...values) => print("info", Bun.inspect.table(...values).trimEnd()),
    assert: (held, ...values) => held || print("error", `Assertion failed${values.length ? `: ${format(values)}` : ""}`),
    count(label = "default") {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      print("info", `${label}: ${counts.get(label)}`);
    },
    countReset: (label = "default") => counts.delete(label),
    time: (label = "default") => timers.set(label, now()),
    timeLog: (label = "default", ...values) => print("info", format([passed(label), ...values])),
    timeEnd(label = "default") {
      print("info", passed(label));
      timers.delete(label);
    },
    group(...values) {
      if (values.length) print("info", format(values));
      indent += "  ";
    },
    groupEnd() { indent = indent.slice(2); },
  });
  console.groupCollapsed = console.group;
  for (const [name, level] of [["stdout", "info"], ["stderr", "error"]]) {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let stream;
    process[name] = null; // or Bun would first make its own stream, only to have it replaced: 5 ms
    // Made when it is asked for: node:stream takes a millisecond to load.
    Object.defineProperty(process, name, {
      configurable: true,
      get() {
        stream ??= new (require("node:stream").Writable)({
          decodeStrings: false,
          write(chunk, encoding, done) {
            // A character may come in two pieces.
            output.print(level, decoder.decode(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk, { stream: true }));
            done();
          },
        });
        return stream;
      },
    });
  }
}

module.exports = { Output, capture };
