// What the answer of a JavaScript run consists of: the bytes of a value, the status, the headers.
"use strict";

const { SHORT_TYPES, TOKEN, fullType } = require("./types.cjs");
const { toJson } = require("./values.cjs");

// The server refuses what is over these limits (runtimes/protocol.py); told here, the code learns of it by an exception.
const MOST_HEADERS = 100, NAME_LIMIT = 256, VALUE_LIMIT = 8192;
const ASCII = /^[\x00-\x7f]*$/, VALUE = /^[\t\x20-\x7e\x80-\ud7ff\ue000-\u{10ffff}]*$/u;

/** Checks how an answer is to begin. contentType is null if none is given, else in full; headers are pairs. */
function headOf(options) {
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
  return { statusCode, headers: headerPairs(headers ?? {}), contentType: contentType ? fullType(contentType) : null };
}

/** Returns a value's bytes, and the content type that it has by itself. */
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

module.exports = { bytesOf, encode, headOf };
