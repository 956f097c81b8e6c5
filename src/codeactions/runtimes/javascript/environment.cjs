// The environment of what a run starts.
"use strict";

/** Has Bun's own functions give programs and workers the environment as it is then, not as it was at Bun's start. */
function passOnEnvironment() {
  const withOurs = (options) => ({ ...options, env: options?.env ?? process.env });
  const { spawn, spawnSync } = Bun;
  const around = (start) => (first, second) => (Array.isArray(first) ? start(first, withOurs(second)) : start(withOurs(first)));
  Object.assign(Bun, { spawn: around(spawn), spawnSync: around(spawnSync) });
  const { Worker } = globalThis;
  globalThis.Worker = new Proxy(Worker, {
    construct: (own, [file, options], target) => Reflect.construct(own, [file, withOurs(options)], target === globalThis.Worker ? own : target),
  });
}

module.exports = { passOnEnvironment };
