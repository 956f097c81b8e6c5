// The engine: the argument that `Run` of a JavaScript code gets. Runs inside the walls, in Bun.
"use strict";

const SHORT_TYPES = { text: "text/plain; charset=utf-8", html: "text/html; charset=utf-8", json: "application/json" };
const OCTETS = "application/octet-stream";
// The server refuses what is over these limits (runtimes/protocol.py); told here, the code learns of it by an exception.
const MOST_HEADERS = 100, NAME_LIMIT = 256, VALUE_LIMIT = 8192;
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

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
   * A string is text, bytes (a typed array, an ArrayBuffer) are an octet stream, anything else is JSON, unless
   * `contentType` says otherwise: `text`, `html`, `json` or any MIME type. With `json` strings are encoded too; with
   * `application/json` a string goes out as it is. Throws when something cannot be sent.
   */
  set(value, options = {}) {
    if (options === null || typeof options !== "object") throw new TypeError(`options must be an object, not ${shown(options)}`);
    const { statusCode = 200, contentType = null, headers = {}, ...unknown } = options;
    for (const name of Object.keys(unknown)) {
      throw new TypeError(`there is no option ${shown(name)}; there are statusCode, contentType and headers`);
    }
    if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
      throw new RangeError(`statusCode must be a whole number from 200 to 599, not ${shown(statusCode)}`);
    }
    if (contentType !== null && !isHeaderValue(contentType)) {
      throw new TypeError(
        `contentType must be Latin-1 text without line breaks, at most ${VALUE_LIMIT} characters, not ${shown(contentType)}`
      );
    }
    const pairs = headerPairs(headers);
    const [body, natural] = encode(value, contentType);
    this.isSet = true;
    this.statusCode = statusCode;
    this.headers = pairs;
    this.body = body;
    this.contentType = contentType ? (Object.hasOwn(SHORT_TYPES, contentType) ? SHORT_TYPES[contentType] : contentType) : natural;
  }
}

function encode(value, contentType) {
  // JSON would silently make {} of either.
  if (value instanceof Promise) throw new TypeError("the value is a Promise; await it first");
  if (value instanceof Response) throw new TypeError("the value is a Response; return it from Run");
  if (contentType !== "json") {
    if (typeof value === "string") return [Buffer.from(value), SHORT_TYPES.text];
    if (ArrayBuffer.isView(value)) return [Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)), OCTETS];
    if (value instanceof ArrayBuffer) return [Buffer.from(new Uint8Array(value)), OCTETS];
    if (contentType === "text" || contentType === "html") return [Buffer.from(String(value)), SHORT_TYPES.text];
  }
  const text = JSON.stringify(value === undefined ? null : value);
  if (text === undefined) throw new TypeError(`${shown(value)} cannot be sent as JSON`);
  return [Buffer.from(text), SHORT_TYPES.json];
}

function headerPairs(headers) {
  if (headers === null || typeof headers !== "object" || Array.isArray(headers)) throw new TypeError(`headers must be an object, not ${shown(headers)}`);
  const given = typeof headers.entries === "function" ? [...headers.entries()] : Object.entries(headers);
  if (given.length > MOST_HEADERS) throw new RangeError(`a result may have at most ${MOST_HEADERS} headers, not ${given.length}`);
  return given.map(([name, value]) => {
    if (typeof name !== "string" || name.length > NAME_LIMIT || !TOKEN.test(name)) throw new TypeError(`${shown(name)} is no header name`);
    const text = typeof value === "number" ? String(value) : value;
    if (!isHeaderValue(text)) {
      throw new TypeError(
        `the value of header ${name} must be Latin-1 text without line breaks, at most ${VALUE_LIMIT} characters, not ${shown(value)}`
      );
    }
    return [name, text];
  });
}

function isHeaderValue(text) { return typeof text === "string" && text.length <= VALUE_LIMIT && VALUE.test(text); }

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
  constructor(method, path, params, header, content) {
    this.method = method;
    this.path = path;
    this.params = params;
    this.header = header;
    this.headers = header;
    /** The body's bytes. */
    this.content = content;
  }

  /** The body as text; bytes that are not UTF-8 become U+FFFD. */
  get body() { return this.content.toString("utf8"); }

  /** Reads the body as JSON. */
  json() { return JSON.parse(this.body); }
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
