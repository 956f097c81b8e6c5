// Whether a JavaScript run that is done leaves work behind that it has begun.
"use strict";

// Work that is as good as done gets so many turns of the loop, at 1 ms: on a busy machine a turn takes longer, as does what
// Bun's own threads have to report yet, such as the end of a program's output.
const TURNS = 10;
// Without one of these, a source has nothing that goes on by itself. To look for it would cost each call 0.1 ms.
const MAY_BEGIN = [
  "await", ".then", "Promise", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "nextTick", "fetch", "import", "require",
  "Bun", "Worker", "WebSocket", "EventSource", "MessageChannel", "eval", "Function", "globalThis",
];
// Taken now, because a code may replace them.
const { setTimeout } = globalThis;
const { on } = process;

/** Tells whether the source may leave work behind. It was built: its last line is its map, which is no part of it. */
function mayLeaveWork(source) {
  const text = source.slice(0, source.lastIndexOf("\n", source.length - 2));
  return MAY_BEGIN.some((word) => text.includes(word));
}

/**
 * Calls `tell` with whether the event loop has something left to wait for: timers, requests, processes, servers. A promise
 * that nothing will settle is none. keep: the timer that keeps the loop running, which must be the only one of ours.
 */
function lookForWork(keep, tell) {
  let isTold = false;
  const tellOnce = (isLeft) => {
    if (isTold) return;
    isTold = true;
    keep.ref();
    tell(isLeft);
  };
  const wait = (turns) => setTimeout(() => (turns > 1 ? wait(turns - 1) : tellOnce(true)), 1).unref();
  keep.unref();
  wait(TURNS);
  on.call(process, "beforeExit", () => tellOnce(false)); // Bun comes to this when nothing is left to wait for
}

module.exports = { lookForWork, mayLeaveWork };
