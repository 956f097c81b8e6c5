// A Response of the web as the answer of a run.
"use strict";

const STREAM = /\n  ReadableStream\b/;

/** Makes a Response the result. What Bun has of it as a whole is sent as a whole. */
async function setResponse(result, response) {
  const headers = Object.fromEntries(response.headers);
  const given = headers["content-type"] ?? null;
  delete headers["content-type"];
  const [content, contentType] = isStream(response) ? await begun(response.body, given) : await whole(response, given);
  result.set(content, { statusCode: response.status, contentType, headers });
}

/** Tells whether the body is still to come, which Bun shows only where it prints a Response. */
function isStream(response) {
  if (response.bodyUsed || (response.url === "" && !STREAM.test(Bun.inspect(response)))) return false;
  return response.body !== null;
}

// A Response that is made of text gets no type from Bun, so it looks like one that is made of bytes.

async function whole(response, given) {
  const content = Buffer.from(await response.arrayBuffer());
  return [content, given ?? (require("node:buffer").isUtf8(content) ? "text" : null)];
}

async function begun(stream, given) {
  if (given !== null) return [stream, given];
  const pieces = stream[Symbol.asyncIterator]();
  const { done, value } = await pieces.next();
  const all = async function* () {
    if (done) return;
    yield value;
    yield* pieces;
  };
  return [all(), done || isText(value) ? "text" : null];
}

/** Tells whether a piece, the last character of which may be cut, is text. */
function isText(piece) {
  try {
    if (typeof piece !== "string") new TextDecoder("utf-8", { fatal: true }).decode(piece, { stream: true });
    return true;
  } catch {
    return false;
  }
}

module.exports = { setResponse };
