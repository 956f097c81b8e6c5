// The output of a JavaScript run: log lines through the engine, printed lines, and the frame that ends it.
"use strict";

const fs = require("node:fs");
const { format } = require("./engine.cjs");

// codeactions/runtimes/protocol.py has the protocol.
const LOG = 2, RESULT = 3, FAILURE = 4, TEXT = 5, STREAM = 6, CHUNK = 7, ANSWERED = 8, END = 9;
const LEVELS = { debug: 0, info: 1, warning: 2, error: 3 };
const META_LIMIT = 64 * 1024;
// Characters of a failure's message, and of either end of its trace: JSON turns each into up to 6 bytes, and one that is
// two of them into 12.
const TEXT_LIMIT = Math.floor(META_LIMIT / 40);
const PIECE_BYTES = 512; // of a piece of a line that is always sent at once
const CHUNK_BYTES = 64 * 1024; // of a CHUNK
const LINE_FEED = 10, NOTHING = Buffer.alloc(0);
const OURS = /\n[^\n]*\/runtimes\/javascript\/[^\n]*/g;
// Taken now, because a code may replace them.
const { writeSync } = fs;
const { exit } = process;
const { stringify } = JSON;
const { keys } = Object;
const bytes = (text) => Buffer.from(text);
const now = performance.now.bind(performance);

/** Sends frames to the server, and stops sending log lines at the limits. */
class Output {
  #descriptor;
  #lines = 0;
  #characters = 0;
  #left = 0;
  #smallPieces = 0; // that may still be sent
  // By level, the line that has begun. kept: what is not sent yet; room: bytes that may still be sent, -1 if none of it
  // is, null if none has begun.
  #begun = { info: { kept: NOTHING, room: null }, error: { kept: NOTHING, room: null } };
  #resultBytes = 0;
  heldBack = 0;

  constructor(descriptor) { this.#descriptor = descriptor; }

  limit(limits) {
    this.#lines = limits.log_lines;
    this.#characters = limits.log_characters;
    this.#left = limits.log_bytes;
    this.#smallPieces = Math.floor(limits.log_bytes / (2 * PIECE_BYTES));
    this.#resultBytes = limits.result_bytes;
  }

  /** Sends an entry of the log, line feeds in it or not, or holds it back when enough are sent. */
  line(level, text) {
    this.#spend(text.length + 1);
    if (!this.#takesLine()) return;
    const most = this.#characters + 1;
    const kept = text.length <= most ? text : Array.from(text.slice(0, 2 * most)).slice(0, most).join("");
    this.#send(LOG, Buffer.from([LEVELS[level]]), bytes(kept));
  }

  /** Sends printed bytes, cut anywhere, as they come: what is printed before a crash or a kill is in the log. */
  print(level, data) {
    for (let from = 0; from < data.length; ) {
      const end = data.indexOf(LINE_FEED, from);
      this.#take(level, data.subarray(from, end < 0 ? data.length : end), end >= 0);
      from = end < 0 ? data.length : end + 1;
    }
  }

  #take(level, piece, isEnd) {
    this.#spend(piece.length + (isEnd ? 1 : 0));
    const line = this.#begun[level];
    line.room ??= this.#takesLine() ? 4 * (this.#characters + 1) : -1;
    if (line.room >= 0) {
      const fitting = piece.subarray(0, line.room);
      line.room -= fitting.length;
      line.kept = Buffer.concat([line.kept, fitting]); // a copy: the code may write into its own
      if (isEnd || this.#isSent(line.kept.length)) {
        this.#send(TEXT, Buffer.from([LEVELS[level]]), line.kept, Buffer.alloc(isEnd ? 1 : 0, LINE_FEED));
        line.kept = NOTHING;
      }
    }
    if (isEnd) line.room = null;
  }

  /** Tells whether a piece of a line is sent at once. After many small ones, only larger ones are. */
  #isSent(size) {
    return size >= PIECE_BYTES || (size > 0 && this.#smallPieces-- > 0);
  }

  #takesLine() {
    if (this.#lines > 0) return this.#lines-- > 0;
    this.heldBack++; // told with the run's end
    return false;
  }

  /** Ends the run with its answer. */
  result(answer) {
    this.#finish();
    this.#answer(RESULT, answer, false);
    exit(0);
  }

  /** Sends the answer; the run goes on. */
  earlyResult(answer) { this.#answer(RESULT, answer, true); }

  /** Sends the head of an answer in pieces; its body is empty. */
  stream(answer) { this.#answer(STREAM, answer, true); }

  #answer(kind, { statusCode, contentType, headers, body }, goesOn) {
    if (body.length > this.#resultBytes) {
      this.fail("output_limit", `the result has ${body.length} bytes; the limit is ${this.#resultBytes}`);
    }
    const more = goesOn ? { goes_on: true } : { held_back: this.heldBack };
    const meta = bytes(stringify({ status_code: statusCode, content_type: contentType, headers, ...more }));
    if (meta.length > META_LIMIT) this.fail("output_limit", `the result's headers are over ${META_LIMIT} bytes`);
    this.#send(kind, sized(meta), meta, body);
  }

  /** Sends a piece of the answer. */
  chunk(piece) {
    for (let from = 0; from < piece.length; from += CHUNK_BYTES) this.#send(CHUNK, piece.subarray(from, from + CHUNK_BYTES));
  }

  /** Says that the answer in pieces is complete; the run goes on. */
  answered() { this.#send(ANSWERED); }

  /** Ends the run, whose answer went out. */
  end() {
    this.#finish();
    const meta = bytes(stringify({ held_back: this.heldBack }));
    this.#send(END, sized(meta), meta);
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

  /** Ends the lines that were printed without a line feed. */
  #finish() {
    for (const level of keys(this.#begun)) if (this.#begun[level].room !== null) this.#take(level, NOTHING, true);
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
  const levels = { log: "info", info: "info", dirxml: "info", debug: "debug", warn: "warning", error: "error" };
  let indent = "";
  // One entry a call, however many lines it has.
  const print = (level, text) => output.line(level, indent + text.replaceAll("\n", `\n${indent}`));
  for (const [name, level] of Object.entries(levels)) console[name] = (...values) => print(level, format(values));
  // Bun's own methods would write past the log, and the lines would be read some time later.
  const counts = new Map(), timers = new Map();
  const passed = (label) => `${label}: ${(now() - (timers.get(label) ?? now())).toFixed(2)}ms`;
  Object.assign(console, {
    trace(...values) {
      const trace = {};
      Error.captureStackTrace(trace, console.trace);
      const head = values.length ? `Trace: ${format(values)}` : "Trace";
      print("error", head + withoutOurs(trace.stack).replace(/^.*/, ""));
    },
    write: (...pieces) => pieces.forEach((piece) => output.print("info", Buffer.from(piece))),
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
  process.removeAllListeners("warning"); // Bun's own, which prints it
  process.on("warning", ({ name, message, code, detail }) => {
    output.line("warning", `${code ? `[${code}] ` : ""}${name}: ${message}${detail ? `\n${detail}` : ""}`);
  });
  for (const [name, level] of [["stdout", "info"], ["stderr", "error"]]) {
    let stream;
    process[name] = null; // or Bun would first make its own stream, only to have it replaced: 5 ms
    // Made when it is asked for: node:stream takes a millisecond to load.
    Object.defineProperty(process, name, {
      configurable: true,
      get() {
        stream ??= new (require("node:stream").Writable)({
          decodeStrings: false,
          write(chunk, encoding, done) {
            output.print(level, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
            done();
          },
        });
        return stream;
      },
    });
  }
}

/** Leaves the frames of the engine out of a stack. */
function withoutOurs(stack) { return `\n${stack}`.replace(OURS, "").slice(1).replaceAll("/tmp/action", "action"); }

module.exports = { Output, capture, withoutOurs };
