// The engine: the argument that `Run` of a JavaScript code gets. Runs inside the walls, in Bun.
"use strict";

const { rawRequest, readForm } = require("./form.cjs");
const { Result } = require("./result.cjs");

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
  #job;
  #addWork;
  #secrets;
  #variables;

  /** job: as the server has sent it. output: takes the frames of an answer in pieces. addWork: takes what waitUntil gets. */
  constructor(job, request, log, output, addWork) {
    this.#job = job;
    this.#addWork = addWork;
    this.request = request;
    this.log = log;
    this.result = new Result(output);
  }

  get params() { return this.request.params; }

  get header() { return this.request.header; }

  get body() { return this.request.body; }

  /** The secrets of the project that this code may use, by name. */
  get secrets() { return (this.#secrets ??= named("secrets", this.#job.secrets)); }

  /** The variables of the project, by name. */
  get variables() { return (this.#variables ??= named("variables", this.#job.variables)); }

  /**
   * Has the run go on after the answer until `work`, a promise, is settled. A function is called once the answer is out.
   * All of it is tried. The first error is the run's.
   */
  waitUntil(work) { this.#addWork(work); }
}

function named(kind, values = {}) {
  return require("./named_values.cjs").namedValues(kind, values); // loaded by runs that need it
}

module.exports = { Engine, Headers, Log, Params, Request, format };
