// The answer of a JavaScript run: set whole, given as a stream, or written piece by piece.
"use strict";

const { bytesOf, encode, headOf } = require("./content.cjs");
const { SHORT_TYPES } = require("./types.cjs");

const QUOTE = 0x22, JSON_TYPE = /^[^;]*[/+]json\s*(?:;|$)/i, EVENTS = /^[ \t]*text\/event-stream[ \t]*(?:;|$)/i;
const TURN_MS = 10; // after so long, writing lets timers and the network have their turn
const OUT = "comes too late: the answer has gone out", EITHER = "a result is either set or written";
const NOTHING = new Uint8Array(0);
const { setImmediate } = globalThis;
const now = performance.now.bind(performance);

/** The answer of the run. It may be set more than once; the last one counts. Or it is written, piece by piece. */
class Result {
  #output;
  #given = null; // what head() was given
  #fullType = null; // the content type that was given
  #isOut = false;
  #turn = 0; // when others had theirs
  isSet = false;
  /** Whether the head is out, and pieces may follow it. */
  hasBegun = false;
  /** What the pieces come from, if the answer is set as a stream. */
  source = null;
  statusCode = 200;
  contentType = SHORT_TYPES.text;
  headers = [];
  body = NOTHING;

  /** output: takes the frames of an answer in pieces. */
  constructor(output) { this.#output = output; }

  /**
   * A string goes out as it is, and so do bytes (a typed array, an ArrayBuffer); anything else goes out as JSON.
   * `contentType` only says what it is called: a short name such as `text`, `json`, `html` or `pdf`, or any MIME type.
   * Without it, a string is text, bytes are an octet stream. A value that JSON has as a text, such as a date, goes out
   * without quotes if its type is given and is not JSON. Of an iterator, an async iterator or a ReadableStream, each piece
   * goes out as it comes, as by `write`. Throws when something cannot be sent.
   */
  set(value, options = {}) {
    if (this.#isOut) throw new Error(`engine.result.set ${OUT}`);
    if (this.hasBegun) throw new Error(`engine.result.set after engine.result.write: ${EITHER}`);
    if (arguments.length === 0) value = "";
    const { statusCode, contentType: full, headers } = headOf(options);
    const source = streamOf(value);
    let [body, natural] = source ? [NOTHING, SHORT_TYPES.text] : encode(value);
    if (full && body[0] === QUOTE && natural === SHORT_TYPES.json && !JSON_TYPE.test(full)) body = Buffer.from(JSON.parse(body.toString()));
    this.isSet = true;
    this.source = source;
    this.body = body;
    this.statusCode = statusCode;
    this.headers = headers;
    this.#fullType = full;
    this.contentType = full === null ? natural : bytesOf(full);
  }

  /** Says how the answer begins that `write` makes, or that is a value which Run returns. Options as of `set`. */
  head(options = {}) {
    if (this.#isOut || this.hasBegun) throw new Error("engine.result.head comes too late: the head of the answer has gone out");
    if (this.isSet && !this.source) {
      throw new Error("engine.result.head comes too late: engine.result.set has set a head with its value");
    }
    const { statusCode, contentType, headers } = headOf(options);
    this.statusCode = statusCode;
    this.headers = headers;
    this.#fullType = contentType;
    this.#given = { ...options };
  }

  /**
   * Sends a piece of the answer at once; the first one sends the head. A string goes out as it is, and so do bytes; anything
   * else goes out as a line of JSON, or as an event if the content type is `text/event-stream`. Returns a promise.
   */
  async write(piece = "") {
    if (this.#isOut) throw new Error(`engine.result.write ${OUT}`);
    if (this.isSet) throw new Error(`engine.result.write after engine.result.set: ${EITHER}`);
    await this.#send(piece);
  }

  /** Sends each piece of the source; if there is none, the head alone. */
  async sendSource() {
    const { source } = this;
    this.source = null;
    for await (const piece of source) await this.#send(piece);
    if (!this.hasBegun) await this.#send("");
  }

  /** Makes `value`, which Run returned, the result if there is no other, and refuses changes from then on. */
  close(value) {
    if (!this.isSet && !this.hasBegun && (value !== undefined || this.#given)) this.set(value === undefined ? "" : value, this.#given ?? {});
    this.#isOut = true;
  }

  async #send(piece) {
    const [bytes, natural] = encodePiece(piece, EVENTS.test(this.#fullType ?? ""));
    if (!this.hasBegun) {
      this.contentType = bytesOf(this.#fullType ?? natural);
      this.hasBegun = true;
      this.#turn = now();
      this.#output.stream(this);
    }
    this.#output.chunk(bytes);
    if (now() - this.#turn < TURN_MS) return;
    await new Promise(setImmediate);
    this.#turn = now();
  }
}

/** Returns the value if its pieces come one after the other; null if it is there as a whole. */
function streamOf(value) {
  if (value === null || typeof value !== "object") return null;
  if (typeof value[Symbol.asyncIterator] === "function") return value;
  return typeof value.next === "function" && typeof value[Symbol.iterator] === "function" ? value : null;
}

function encodePiece(piece, isEvent) {
  const [bytes, natural] = encode(piece);
  if (natural !== SHORT_TYPES.json) return [bytes, natural];
  return [Buffer.from(isEvent ? `data: ${bytes}\n\n` : `${bytes}\n`), SHORT_TYPES.ndjson];
}

module.exports = { Result };
