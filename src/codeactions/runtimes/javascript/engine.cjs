// The engine: the argument that `Run` of a JavaScript code gets. Runs inside the walls, in Bun.
"use strict";

const { rawRequest, readForm } = require("./form.cjs");
const { SHORT_TYPES, TOKEN, fullType } = require("./types.cjs");
const { toJson } = require("./values.cjs");

// The server refuses what is over these limits (runtimes/protocol.py); told here, the code learns of it by an exception.
const MOST_HEADERS = 100, NAME_LIMIT = 256, VALUE_LIMIT = 8192;
const ASCII = /^[\x00-\x7f]*$/, VALUE = /^[\t\x20-\x7e\x80-\ud7ff\ue000-\u{10ffff}]*$/u;
const QUOTE = 0x22, JSON_TYPE = /^[^;]*[/+]json\s*(?:;|$)/i;

/** Query parameters, in order. Of a repeated one the first value counts; `all()` returns every value. */
class Params {
  #pairs;
  #first = new Map();

  /** @param {[string, string][]} pairs */
  constructor(pairs) {
    this.#pairs = pairs;
    for (const [name, value] of pairs) if (!this.#first.has(this._fold(name))) this.#first.set(this._fold(name), value);
  }

  _fold(name) { return String(name); }

  /** Returns the first value of `name`, or `otherwise`, which is null (for headers "") if it is not given. */
  get(name, otherwise = this._absent()) {
    const value = this.#first.get(this._fold(name));
    return value === undefined ? otherwise : value;
  }

  _absent() { return null; }

  has(name) { return this.#first.has(this._fold(name)); }

  /** Returns every value of `name`, in order. */
  all(name) { return this.#pairs.filter(([key]) => this._fold(key) === this._fold(name)).map(([, value]) => value); }

  /** Returns [name, first value] of each. */
  items() { return [...this.#first]; }

  entries() { return this.items().values(); }

  /** Returns every [name, value], a repeated name repeatedly. */
  pairs() { return this.#pairs; }

  keys() { return [...this.#first.keys()]; }

  values() { return [...this.#first.values()]; }

  get size() { return this.#first.size; }

  toJSON() { return Object.fromEntries(this.#first); }

  [Symbol.iterator]() { return this.entries(); }
}

/** Request headers. Names are looked up in any case; an absent header is the empty string. */
class Headers extends Params {
  _fold(name) { return String(name).toLowerCase(); }

  _absent() { return ""; }
}

/** Writes lines to the run's log: `engine.log.info("got %s", thing)`, with the formats of console.log. */
class Log {
  #write;

  constructor(write) { this.#write = write; }

  debug(...values) { this.#write("debug", format(values)); }

  info(...values) { this.#write("info", format(values)); }

  warning(...values) { this.#write("warning", format(values)); }

  warn(...values) { this.#write("warning", format(values)); }

  error(...values) { this.#write("error", format(values)); }
}

/** The answer of the run. It may be set more than once; the last one counts. */
class Result {
  isSet = false;
  statusCode = 200;
  contentType = SHORT_TYPES.text;
  headers = [];
  body = new Uint8Array(0);

  /**
   * A string goes out as it is, and so do bytes (a typed array, an ArrayBuffer); anything else goes out as JSON.
   * `contentType` only says what it is called: a short name such as `text`, `json`, `html` or `pdf`, or any MIME type.
   * Without it, a string is text, bytes are an octet stream. A value that JSON has as a text, such as a date, goes out
   * without quotes if its type is given and is not JSON. Throws when something cannot be sent.
   */
  set(value, options = {}) {
    if (arguments.length === 0) value = "";
    if (options === null || typeof options !== "object") throw new TypeError(`options must be an object, not ${shown(options)}`);
    const { statusCode = 200, contentType = null, headers, ...unknown } = options;
    for (const name of Object.keys(unknown)) {
      throw new TypeError(`there is no option ${shown(name)}; there are statusCode, contentType and headers`);
    }
    if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
      throw new RangeError(`statusCode must be a whole number from 200 to 599, not ${shown(statusCode)}`);
    }
    if (contentType !== null && !isHeaderValue(contentType)) {
      throw new TypeError(
        `contentType must be text without line breaks, at most ${VALUE_LIMIT} bytes, not ${shown(contentType)}`
      );
    }
    const pairs = headerPairs(headers ?? {});
    const full = contentType ? fullType(contentType) : null;
    let [body, natural] = encode(value);
    if (full && body[0] === QUOTE && natural === SHORT_TYPES.json && !JSON_TYPE.test(full)) body = Buffer.from(JSON.parse(body.toString()));
    this.isSet = true;
    this.statusCode = statusCode;
    this.headers = pairs;
    this.body = body;
    this.contentType = full === null ? natural : bytesOf(full);
  }
}

function encode(value) {
  if (typeof value === "string") return [Buffer.from(value), SHORT_TYPES.text];
  if (ArrayBuffer.isView(value)) return [Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)), SHORT_TYPES.binary];
  if (value instanceof ArrayBuffer) return [Buffer.from(new Uint8Array(value)), SHORT_TYPES.binary];
  // JSON would silently make {} of it.
  if (value instanceof Response) throw new TypeError("the value is a Response; return it from Run");
  return [Buffer.from(toJson(value)), SHORT_TYPES.json];
}

function headerPairs(headers) {
  if (typeof headers !== "object" || Array.isArray(headers)) throw new TypeError(`headers must be an object, not ${shown(headers)}`);
  const given = typeof headers.entries === "function" ? [...headers.entries()] : Object.entries(headers);
  if (given.length > MOST_HEADERS) throw new RangeError(`a result may have at most ${MOST_HEADERS} headers, not ${given.length}`);
  return given.map(([name, value]) => {
    if (typeof name !== "string" || name.length > NAME_LIMIT || !TOKEN.test(name)) throw new TypeError(`${shown(name)} is no header name`);
    const text = typeof value === "number" ? String(value) : value;
    if (!isHeaderValue(text)) {
      throw new TypeError(
        `the value of header ${name} must be text without line breaks, at most ${VALUE_LIMIT} bytes, not ${shown(value)}`
      );
    }
    return [name, bytesOf(text)];
  });
}

function isHeaderValue(text) {
  return typeof text === "string" && text.length <= VALUE_LIMIT && Buffer.byteLength(text) <= VALUE_LIMIT && VALUE.test(text);
}

/** Returns a header's value with a character for each of its bytes, as the protocol has it. */
function bytesOf(text) { return ASCII.test(text) ? text : Buffer.from(text).toString("latin1"); }

function shown(value) {
  const text = typeof value === "string" ? JSON.stringify(value) : Bun.inspect(value);
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}

/** Puts values together as console.log does. */
function format(values) {
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  return require("node:util").format(...values);
}

/** The HTTP request that the run answers. */
class Request {
  #text;
  #raw;

  /** job, body: as the server has sent them. */
  constructor(job, body) {
    const size = job.content_bytes ?? body.length;
    this.method = job.method;
    /** What follows the code's id in the URL. */
    this.path = job.path;
    /** The same as it was sent, percent-encoded. */
    this.rawPath = job.raw_path ?? job.path;
    /** The query string as it was sent. */
    this.rawQuery = job.raw_query ?? "";
    this.params = new Params(job.params);
    this.header = new Headers(job.headers);
    this.headers = this.header;
    /** The body's bytes. */
    this.content = body.subarray(0, size);
    this.#text = job.content_bytes === undefined ? this.content : body.subarray(size);
  }

  /** The body as text, by its charset or as UTF-8; bytes that are none become U+FFFD. */
  get body() { return this.#text.toString("utf8"); }

  /** Reads the body as JSON. */
  json() { return JSON.parse(this.body.replace(/^\ufeff/, "")); }

  /** Reads the body as a form, urlencoded or multipart, and returns a FormData. Throws for anything else. */
  form() { return readForm(this.content, this.header.get("Content-Type")); }

  /** The request as the web has it. Its URL has the path that follows the code's id. */
  get raw() { return (this.#raw ??= rawRequest(this)); }
}

/** All that a code needs to know of its call, and the means to answer. */
class Engine {
  constructor(request, log) {
    this.request = request;
    this.log = log;
    this.result = new Result();
  }

  get params() { return this.request.params; }

  get header() { return this.request.header; }

  get body() { return this.request.body; }
}

module.exports = { Engine, Headers, Log, Params, Request, format };
