// The secrets and variables of a run, as a code sees them.
"use strict";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const { hasOwn, keys } = Object;

/**
 * Returns values by name: `engine.secrets.get("API_KEY")`, `engine.secrets.API_KEY`, `"API_KEY" in engine.secrets`.
 *
 * Where it is printed or becomes JSON it shows names alone. The values are not listed as properties: a copy by
 * `{...engine.secrets}`, a table or a clone would show them by accident. A value that is named as one of the methods is told
 * by `get`. values: as they were read from JSON.
 */
function namedValues(kind, values) {
  const names = () => keys(values);
  const show = () => `[${kind}: ${names().join(", ") || "none"}]`;
  const own = {
    /** Returns the value of `name`, or `otherwise`, which is null, if there is none. */
    get: (name, otherwise = null) => (hasOwn(values, name) ? values[name] : otherwise),
    has: (name) => hasOwn(values, name),
    keys: names,
    get size() { return names().length; },
    toJSON: names,
    toString: show,
    [INSPECT]: show,
    [Symbol.iterator]: () => names().values(),
  };
  const refuse = (_, name) => {
    throw new TypeError(`engine.${kind}.${String(name)} cannot be changed by a run`);
  };
  return new Proxy(Object.create(own), {
    get: (_, name) => (hasOwn(values, name) && !hasOwn(own, name) ? values[name] : own[name]),
    has: (_, name) => hasOwn(values, name) || (typeof name === "symbol" && name in own),
    getPrototypeOf: () => null, // so that no loop goes through the methods
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
  });
}

module.exports = { namedValues };
