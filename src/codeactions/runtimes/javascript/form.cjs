// Forms: the body of a request as FormData, and the request as one of the web.
"use strict";

const URLENCODED = "application/x-www-form-urlencoded", MULTIPART = "multipart/form-data";
const PARAMETER = /;\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\[^])*"|[^;]*)/g;

/**
 * Reads a body by its content type. An empty body without one is an empty form. Throws for anything else.
 *
 * Bun's own formData() knows neither charsets nor `filename*`, and takes names without quotes for others.
 */
function readForm(content, contentType) {
  const [kind, parameters] = header(contentType);
  const form = new FormData();
  if (kind === URLENCODED) {
    for (const [name, value] of urlencoded(content, parameters.charset)) form.append(name, value);
  } else if (kind === MULTIPART) {
    for (const part of parts(content, parameters.boundary)) append(form, ...part);
  } else if (content.length || kind) {
    const what = kind ? `its Content-Type is ${kind}` : "it has no Content-Type";
    throw new TypeError(`the body is no form: ${what}, not ${URLENCODED} or ${MULTIPART}`);
  }
  return form;
}

function urlencoded(content, charset) {
  const decoder = decoderOf(charset);
  // The "&", since a "?" at the beginning would be left out.
  if (decoder.encoding === "utf-8") return new URLSearchParams(`&${content.toString("utf8")}`);
  const decoded = (text) => {
    const bytes = text.replaceAll("+", " ").replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return decoder.decode(Buffer.from(bytes, "latin1"));
  };
  return content.toString("latin1").split("&").filter(Boolean).map((pair) => {
    const [name, ...values] = pair.split("=");
    return [decoded(name), decoded(values.join("="))];
  });
}

function append(form, headers, content) {
  const [, { name, filename }] = header(headers.get("content-disposition") ?? "");
  if (name === undefined) throw new TypeError("a part of the form has no name");
  const type = headers.get("content-type") ?? "";
  if (filename === undefined) form.append(name, decoderOf(header(type)[1].charset).decode(content));
  // A browser sends a file without name and bytes where none was chosen.
  else if (filename || content.length) form.append(name, new File([content], lastOf(filename), { type }));
}

/** Cuts a multipart body into its parts: [headers, with names in small letters, and bytes] of each. */
function parts(content, boundary) {
  if (!boundary) throw new TypeError("the form has no boundary in its Content-Type, so its parts cannot be told apart");
  const opening = Buffer.from(`--${boundary}`), delimiter = Buffer.from(`\r\n--${boundary}`), found = [];
  const first = content.subarray(0, opening.length).equals(opening) ? 0 : content.indexOf(delimiter) + 2;
  if (first === 1) throw new TypeError(`the form has no part: its boundary --${boundary} is not in it`);
  let at = first + opening.length;
  while (follows(content, at) !== "--") {
    if (follows(content, at) !== "\r\n") throw new TypeError("the form cannot be read: a boundary is not followed by a line end");
    const end = next(content, delimiter, at);
    if (end < 0) throw new TypeError("the form ends early: its last boundary is missing");
    const headersEnd = content.indexOf("\r\n\r\n", at);
    if (headersEnd < 0 || headersEnd > end) throw new TypeError("the form cannot be read: the headers of a part do not end");
    found.push([headersOf(content.subarray(at + 2, headersEnd)), content.subarray(headersEnd + 4, Math.max(headersEnd + 4, end))]);
    at = end + delimiter.length;
  }
  return found;
}

function next(content, delimiter, from) {
  let at = content.indexOf(delimiter, from);
  while (at >= 0 && !["--", "\r\n"].includes(follows(content, at + delimiter.length))) at = content.indexOf(delimiter, at + 1);
  return at;
}

function follows(content, at) { return content.toString("latin1", at, at + 2); }

function headersOf(content) {
  return new Map(textOf(content).split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  }));
}

/** Returns the first word of a header, in small letters, and its parameters. */
function header(text) {
  const at = text.indexOf(";");
  const plain = Object.create(null), extended = Object.create(null);
  for (const [, name, value] of at < 0 ? [] : text.slice(at).matchAll(PARAMETER)) {
    if (name.endsWith("*")) extended[name.slice(0, -1).toLowerCase()] = decodedValue(unquoted(value));
    else plain[name.toLowerCase()] = unquoted(value);
  }
  return [(at < 0 ? text : text.slice(0, at)).trim().toLowerCase(), Object.assign(plain, extended)];
}

function unquoted(value) {
  const text = value.trim();
  if (text.length < 2 || text[0] !== '"' || text.at(-1) !== '"') return text;
  // Browsers write a quote as %22, others with a backslash, and a backslash alone is one of a Windows path.
  return text.slice(1, -1).replace(/\\(["\\])/g, "$1").replaceAll("%22", '"');
}

/** Decodes a value such as `UTF-8''gr%C3%BC%C3%9Fe.txt`. */
function decodedValue(value) {
  const [charset, , ...rest] = value.split("'");
  const bytes = rest.join("'").replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return decoderOf(charset).decode(Buffer.from(bytes, "latin1"));
}

/** Returns a file's name without the folders that some clients send with it. */
function lastOf(path) { return /^(?:.:\\|\\\\)/.test(path) ? path.slice(path.lastIndexOf("\\") + 1) : path; }

function decoderOf(charset) {
  try {
    return new TextDecoder(charset || "utf-8", { ignoreBOM: true });
  } catch {
    return new TextDecoder("utf-8", { ignoreBOM: true });
  }
}

function textOf(content) {
  return require("node:buffer").isUtf8(content) ? content.toString("utf8") : content.toString("latin1");
}

/** Makes a Request of the web out of the engine's own. */
function rawRequest({ method, rawPath, rawQuery, headers, content }) {
  const all = new globalThis.Headers();
  for (const [name, value] of headers.pairs()) {
    try {
      all.append(name, value);
    } catch { // the web's headers have bytes: what is not Latin-1 stands there as its UTF-8
      all.append(name, Buffer.from(value).toString("latin1"));
    }
  }
  const scheme = headers.get("X-Forwarded-Proto").toLowerCase() === "https" ? "https" : "http";
  const rest = rawPath + (rawQuery && `?${rawQuery}`);
  const address = `${scheme}://${headers.get("Host")}${rest}`;
  const url = URL.canParse(address) ? address : `${scheme}://localhost${rest}`;
  const hasBody = method !== "GET" && method !== "HEAD" && content.length > 0;
  return new globalThis.Request(url, { method, headers: all, ...(hasBody && { body: content }) });
}

module.exports = { rawRequest, readForm };
