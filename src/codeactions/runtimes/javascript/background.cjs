// Work after the answer of a JavaScript run.
"use strict";

/** What the code has given to `engine.waitUntil`, and whether it went well. */
class Background {
  #report;
  #waiting = []; // functions that are called once the answer is out
  #begun = [];
  #isAnswered = false;
  /** The first error, if hasFailed. */
  error;
  hasFailed = false;

  /** report: called with each error but the first. */
  constructor(report) { this.#report = report; }

  /** Takes a promise, or a function that is called once the answer is out. Throws for anything else. */
  add(work) {
    if (typeof work === "function") {
      if (this.#isAnswered) this.#begin(Promise.resolve().then(work));
      else this.#waiting.push(work);
    } else if (typeof work?.then === "function") {
      this.#begin(Promise.resolve(work));
    } else {
      throw new TypeError(`engine.waitUntil takes a promise or a function, not ${Bun.inspect(work).slice(0, 100)}`);
    }
  }

  /** Whether there is something to wait for. */
  get isOpen() { return this.#waiting.length + this.#begun.length > 0; }

  /** Waits for all of it, and for what it adds itself. Call it once the answer is out. */
  async finish() {
    this.#isAnswered = true;
    for (const work of this.#waiting.splice(0)) this.add(work);
    while (this.#begun.length > 0) await this.#begun.shift();
  }

  #begin(promise) {
    this.#begun.push(promise.then(() => {}, (thrown) => {
      if (this.hasFailed) return this.#report(thrown);
      this.hasFailed = true;
      this.error = thrown;
    }));
  }
}

module.exports = { Background };
