// The environment variables that a run is given with its job.
"use strict";

/**
 * Sets them in `process.env`, which is `Bun.env`, and for the programs and workers that the code starts: Bun's own
 * functions give these the environment of its start.
 */
function useEnvironment(variables) {
  Object.assign(process.env, variables);
  const withOurs = (options) => ({ ...options, env: options?.env ?? process.env });
  const { spawn, spawnSync } = Bun;
  const around = (start) => (first, second) => (Array.isArray(first) ? start(first, withOurs(second)) : start(withOurs(first)));
  Object.assign(Bun, { spawn: around(spawn), spawnSync: around(spawnSync) });
  const { Worker } = globalThis;
  globalThis.Worker = new Proxy(Worker, {
    construct: (own, [file, options], target) => Reflect.construct(own, [file, withOurs(options)], target === globalThis.Worker ? own : target),
  });
}

module.exports = { useEnvironment };
