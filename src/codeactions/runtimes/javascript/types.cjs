// What a content type of one word means. runtimes/protocol.py has the table.
"use strict";

// What HTTP takes as the name of a header, and as either part of a MIME type.
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
const SHORT_TYPES = {
  text: "text/plain; charset=utf-8",
  txt: "text/plain; charset=utf-8",
  html: "text/html; charset=utf-8",
  htm: "text/html; charset=utf-8",
  xhtml: "application/xhtml+xml; charset=utf-8",
  json: "application/json",
  ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson",
  jsonld: "application/ld+json",
  geojson: "application/geo+json",
  xml: "application/xml; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  tsv: "text/tab-separated-values; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  javascript: "text/javascript; charset=utf-8",
  md: "text/markdown; charset=utf-8",
  markdown: "text/markdown; charset=utf-8",
  yaml: "application/yaml; charset=utf-8",
  yml: "application/yaml; charset=utf-8",
  toml: "application/toml; charset=utf-8",
  ics: "text/calendar; charset=utf-8",
  vcf: "text/vcard; charset=utf-8",
  rss: "application/rss+xml; charset=utf-8",
  atom: "application/atom+xml; charset=utf-8",
  form: "application/x-www-form-urlencoded",
  sse: "text/event-stream; charset=utf-8",
  binary: "application/octet-stream",
  bin: "application/octet-stream",
  "octet-stream": "application/octet-stream",
  pdf: "application/pdf",
  epub: "application/epub+zip",
  rtf: "application/rtf",
  zip: "application/zip",
  gzip: "application/gzip",
  gz: "application/gzip",
  bz2: "application/x-bzip2",
  "7z": "application/x-7z-compressed",
  tar: "application/x-tar",
  wasm: "application/wasm",
  doc: "application/msword",
  xls: "application/vnd.ms-excel",
  ppt: "application/vnd.ms-powerpoint",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  odt: "application/vnd.oasis.opendocument.text",
  ods: "application/vnd.oasis.opendocument.spreadsheet",
  odp: "application/vnd.oasis.opendocument.presentation",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  tiff: "image/tiff",
  tif: "image/tiff",
  svg: "image/svg+xml; charset=utf-8",
  ico: "image/vnd.microsoft.icon",
  mp3: "audio/mpeg",
  m4a: "audio/mp4",
  aac: "audio/aac",
  wav: "audio/wav",
  ogg: "audio/ogg",
  opus: "audio/ogg",
  flac: "audio/flac",
  mp4: "video/mp4",
  mov: "video/quicktime",
  avi: "video/x-msvideo",
  mpeg: "video/mpeg",
  webm: "video/webm",
  woff: "font/woff",
  woff2: "font/woff2",
  ttf: "font/ttf",
  otf: "font/otf",
};

/** Returns what a content type means. Throws for what is none. */
function fullType(contentType) {
  const at = contentType.indexOf(";");
  const word = (at < 0 ? contentType : contentType.slice(0, at)).replace(/^[ \t]+|[ \t]+$/g, "");
  const slash = word.indexOf("/");
  if (slash >= 0 && TOKEN.test(word.slice(0, slash)) && TOKEN.test(word.slice(slash + 1))) return contentType;
  const name = word.toLowerCase();
  if (!Object.hasOwn(SHORT_TYPES, name)) {
    throw new RangeError(
      `there is no content type ${JSON.stringify(contentType.slice(0, 100))}; there are MIME types, such as text/plain, and the ` +
        `short names ${Object.keys(SHORT_TYPES).join(", ")}`
    );
  }
  return at < 0 ? SHORT_TYPES[name] : SHORT_TYPES[name].split(";")[0] + contentType.slice(at);
}

module.exports = { SHORT_TYPES, TOKEN, fullType };
