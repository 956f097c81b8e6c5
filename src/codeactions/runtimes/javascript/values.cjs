// How the values of a JavaScript code become JSON.
//
// JSON.stringify does all of it, at its full speed. Of classes that it does not know it would silently make {} or null:
// these get a toJSON, which does something only while a result is made. A code may put its own in its place.
"use strict";

const SHOWN_STEPS = 12; // of a path; of a longer one the beginning and the end are shown
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const { stringify } = JSON;
let isSending = false;

/** What is wrong with a value; the place is put before it. */
class NotJson extends Error {}

function meansInJson(prototype, convert) {
  const own = Object.hasOwn(prototype, "toJSON") ? prototype.toJSON : null;
  const toJSON = function (key) {
    if (isSending) return convert(this, own);
    return own ? own.call(this, key) : this;
  };
  Object.defineProperty(prototype, "toJSON", { configurable: true, writable: true, enumerable: false, value: toJSON });
}

function refused(what) {
  return () => { throw new NotJson(what); };
}

function base64(view) {
  const [buffer, offset, length] = ArrayBuffer.isView(view) ? [view.buffer, view.byteOffset, view.byteLength] : [view, 0, view.byteLength];
  return Buffer.from(buffer, offset, length).toString("base64");
}

function objectOf(map) {
  return Object.fromEntries([...map].map(([key, value]) => [keyOf(key), value]));
}

function keyOf(key) {
  if (typeof key === "number" && !Number.isFinite(key)) throw new NotJson(`has the key ${key}, which JSON does not have`);
  if (typeof key === "symbol" || typeof key === "function" || (key !== null && typeof key === "object")) {
    if (key instanceof Date && !Number.isNaN(key.getTime())) return key.toISOString();
    if (key instanceof URL) return key.href;
    throw new NotJson(`has a key that is ${kindOf(key)}: JSON has only texts as keys`);
  }
  return String(key);
}

function kindOf(value) {
  const kind = typeof value === "object" ? value.constructor?.name || "object" : typeof value;
  return /^[aeiou]/i.test(kind) ? `an ${kind}` : `a ${kind}`;
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const iterator = Object.getPrototypeOf(Object.getPrototypeOf([].values()));
const asyncIterator = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype));
const isBytes = (view) => view instanceof Uint8Array || view instanceof Uint8ClampedArray;
meansInJson(Set.prototype, (set) => [...set]);
meansInJson(Map.prototype, objectOf);
meansInJson(BigInt.prototype, String);
meansInJson(Error.prototype, (error) => error.message || error.name);
meansInJson(RegExp.prototype, String);
meansInJson(typedArray, (view) => (isBytes(view) ? base64(view) : Array.from(view)));
for (const bytes of [Buffer, ArrayBuffer, SharedArrayBuffer, DataView]) meansInJson(bytes.prototype, base64);
meansInJson(Date.prototype, (date, own) => {
  if (Number.isNaN(date.getTime())) throw new NotJson("is an invalid Date");
  return own.call(date);
});
meansInJson(Function.prototype, refused("is a function: call it first"));
meansInJson(Promise.prototype, refused("is a Promise: await it first"));
meansInJson(iterator, refused("is an iterator: make a list of it first"));
meansInJson(asyncIterator, refused("is an async iterator: make a list of it first"));
for (const body of [Blob, Request, Response]) meansInJson(body.prototype, refused(`is a ${body.name}: await its text() or bytes() first`));
meansInJson(ReadableStream.prototype, refused("is a ReadableStream: read it first"));
for (const weak of [WeakMap, WeakSet]) meansInJson(weak.prototype, refused(`is a ${weak.name}, which cannot be listed`));

/** Returns a value as JSON. Throws an error that names the place of what JSON does not have. */
function toJson(value) {
  isSending = true;
  try {
    const text = encoded(value === undefined ? null : value);
    // Of NaN and of some others it has made null. A null that is meant is found to be one.
    if (text === undefined || (text.includes("null") && mayHide(value))) new Search().check(value);
    return text;
  } finally {
    isSending = false;
  }
}

function encoded(value) {
  try {
    return stringify(value);
  } catch (thrown) {
    new Search().check(value);
    throw thrown;
  }
}

function mayHide(value) {
  try {
    return !isClean(value);
  } catch { // too deep to be looked at, but not to be sent
    return false;
  }
}

/** Returns false if JSON.stringify, which took a value, may have made null of something in it. Quick, since many have null. */
function isClean(value) {
  switch (typeof value) {
    case "string": case "boolean": case "undefined": return true;
    case "number": return value - value === 0;
    case "object": break;
    default: return false;
  }
  if (value === null) return true;
  if (Array.isArray(value)) {
    for (let number = 0; number < value.length; number++) if (!isClean(value[number])) return false;
    return true;
  }
  if (value.toJSON !== undefined || value instanceof Number) return value instanceof Date && !Number.isNaN(value.getTime());
  for (const name in value) if (!isClean(value[name])) return false;
  return true;
}

/** Goes through a value as JSON.stringify does, and knows at each moment where it is. */
class Search {
  #path = []; // as it is at the moment that something is thrown
  #above = new Map(); // the containers above: how many steps lead to each

  check(value) {
    try {
      this.#look("", value, false);
    } catch (thrown) {
      if (thrown instanceof NotJson) throw new TypeError(`${this.#where()} ${thrown.message}`);
      if (thrown instanceof RangeError && /call stack/.test(thrown.message)) {
        throw new RangeError(`${this.#where()} is nested too deeply for JSON`);
      }
      throw thrown;
    }
  }

  #look(key, value, isInObject) {
    const given = value;
    if (typeof value?.toJSON === "function" && typeof value !== "string" && typeof value !== "number") value = value.toJSON(key);
    if (value instanceof Number) value = Number(value);
    if (typeof value === "number" && !Number.isFinite(value)) throw new NotJson(`is ${value}, which JSON does not have`);
    if (typeof value === "symbol" && !isInObject) throw new NotJson("is a symbol, which JSON does not have");
    if (value === null || typeof value !== "object") return;
    const steps = this.#above.get(given);
    if (steps !== undefined) throw new NotJson(`is ${this.#where(steps)} itself: JSON has no circles`);
    this.#above.set(given, this.#path.length);
    if (Array.isArray(value)) {
      for (let number = 0; number < value.length; number++) this.#below(`[${number}]`, String(number), value[number], false);
    } else {
      for (const name of Object.keys(value)) this.#below(NAME.test(name) ? `.${name}` : `[${stringify(name.slice(0, 40))}]`, name, value[name], true);
    }
    this.#above.delete(given);
  }

  #below(step, key, value, isInObject) {
    this.#path.push(step);
    this.#look(key, value, isInObject);
    this.#path.pop();
  }

  #where(steps = this.#path.length) {
    const path = this.#path.slice(0, steps), half = SHOWN_STEPS / 2;
    const shown = path.length <= SHOWN_STEPS ? path : [...path.slice(0, half), " … ", ...path.slice(-half)];
    return `result${shown.join("")}`;
  }
}

module.exports = { toJson };
