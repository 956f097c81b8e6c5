// The usual parts of a small function: a URL, a digest, a timer, an answer with headers, an id, a copy.
export async function Run(engine) {
  const url = new URL("https://example.com/greet?lang=en");
  url.searchParams.set("name", engine.params.get("name"));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(url.href));
  await new Promise((resolve) => setTimeout(resolve, 0));
  const headers = new Headers({ ETag: Buffer.from(digest).toString("hex"), "X-Id": crypto.randomUUID() });
  const answer = Response.json(structuredClone({ hello: url.searchParams.get("name") }), { headers });
  if (answer.headers.get("etag").length !== 64) throw new Error("the digest is too short");
  engine.result.set(await answer.json());
}
