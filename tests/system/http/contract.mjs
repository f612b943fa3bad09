// The running gateway against proto/openapi.json and proto/schemas: every documented answer is provoked and validated, every answer seen must be
// documented. So neither can change alone. Usage: node contract.mjs BUILD_DIR; prints one line a check and `N passed, N failed`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const here = path.dirname(fileURLToPath(import.meta.url));
const proto = path.join(here, "../../../proto");
const BASE = "https://liangjin.invalid/";
const SCHEMAS = ["accepted", "batch_line", "event", "live", "problem", "provenance", "ready", "stream_closure", "stream_event"];

const api = JSON.parse(readFileSync(path.join(proto, "openapi.json")));
const ajv = new Ajv2020({ strict: true, allErrors: true, strictTypes: false, allowUnionTypes: true });
addFormats(ajv);
for (const name of SCHEMAS) ajv.addSchema(JSON.parse(readFileSync(path.join(proto, "schemas", name + ".json"))));
const validators = new Map();
function validate(schema, value, what) {
  const key = JSON.stringify(schema);
  if (!validators.has(key)) {
    const absolute = JSON.parse(key, (k, v) => (k === "$ref" ? BASE + v : v));
    validators.set(key, ajv.compile(absolute));
  }
  const check = validators.get(key);
  assert.ok(check(value), `${what}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value).slice(0, 400)}`);
}

// ---- the stack, started by the Python harness ----
const build = process.argv[2];
const child = spawn("/usr/bin/python3", [path.join(here, "harness.py"), build, "--ack-timeout", "1500", "--stream-readers", "2"], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const { port, tokens } = JSON.parse((await lines.next()).value);
async function tell(command) {
  child.stdin.write(command + "\n");
  assert.equal((await lines.next()).value, "ok", command);
}

function send(method, target, { token, headers = {}, body, untilData } = {}) {
  return new Promise((resolve, reject) => {
    const h = { ...headers };
    if (token) h.Authorization = "Bearer " + (tokens[token] ?? token);
    const rq = http.request({ host: "127.0.0.1", port, method, path: target, headers: h, agent: false }, (rs) => {
      let text = "";
      const end = () => resolve({ status: rs.statusCode, headers: rs.headers, text });
      rs.setEncoding("utf8");
      rs.on("data", (piece) => {
        text += piece;
        if (untilData && rs.statusCode === 200 && untilData(text)) {
          rs.destroy();
          end();
        }
      });
      rs.on("end", end);
      rs.on("error", () => {});
    });
    rq.on("error", reject);
    rq.end(body);
  });
}

const JSON_TYPE = { "Content-Type": "application/json" };
const NDJSON = { "Content-Type": "application/x-ndjson" };
const event = (more = {}) => ({ type: "activity.submitted", unit: "PS001", payload: { a: 1 }, ...more });
const post = (e, more = {}) =>
  send("POST", "/v1/events", { token: "client", headers: JSON_TYPE, body: typeof e === "string" ? e : JSON.stringify(e), ...more });

// ---- one answer against its documentation ----
const seen = new Set();
const seenCodes = new Set();
function matches(route, method, r, what) {
  const operation = api.paths[route][method];
  const documented = operation.responses[r.status];
  const response = documented ?? operation.responses.default;
  assert.ok(response, `${what}: ${r.status} is not documented`);
  if (!documented) assert.ok([404, 405, 414, 431, 500].includes(r.status), `${what}: ${r.status} has only the default`);
  seen.add(`${route} ${method} ${documented ? r.status : "default"}`);
  const media = (r.headers["content-type"] ?? "").split(";")[0];
  const content = response.content?.[media];
  assert.ok(content || !response.content, `${what}: ${r.status} with ${media} is not documented`);
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    const value = [r.headers[name.toLowerCase()]].flat()[0];
    assert.ok(value !== undefined, `${what}: ${name} is missing`);
    validate(header.schema, header.schema.type === "integer" ? Number(value) : value, `${what}: ${name}`);
  }
  if (!response.content) {
    assert.equal(r.text, "", what);
    return r;
  }
  if (media === "application/x-ndjson") {
    for (const line of r.text.trimEnd().split("\n")) validate(content.schema, JSON.parse(line), what);
  } else if (media === "text/event-stream") {
    for (const block of r.text.split("\n\n").slice(0, -1)) {
      const name = /^event: (\w+)$/m.exec(block)?.[1];
      if (name) validate({ $ref: `schemas/stream_${name}.json` }, JSON.parse(/^data: (.*)$/m.exec(block)[1]), `${what} ${name}`);
    }
  } else if (media.endsWith("json")) {
    const body = JSON.parse(r.text);
    validate(content.schema, body, what);
    if (media === "application/problem+json") {
      assert.equal(body.status, r.status, what);
      seenCodes.add(body.code);
    }
  }
  return r;
}

// ---- as a browser's page of this server ----
const OURS = { "Sec-Fetch-Site": "same-origin" };
const THEIRS = { "Sec-Fetch-Site": "cross-site" };
const right = JSON.stringify({ login: "contract", password: "contract password" });
const login = (body, headers = {}) => send("POST", "/v1/login", { headers: { ...JSON_TYPE, ...OURS, ...headers }, body });
const cookie = async () => ({ Cookie: (await login(right)).headers["set-cookie"][0].split(";")[0] });
const look = async (target, headers = OURS) => send("GET", target, { headers: { ...(await cookie()), ...headers } });

const confirm = (body, headers = JSON_TYPE) =>
  send("POST", "/v1/confirm", { headers, body: typeof body === "string" ? body : JSON.stringify(body) });
const host = { token: "link-host-aaaaaaaaaaaaaa" };

let passed = 0, failed = 0;
async function check(what, f) {
  try {
    await f();
    passed++;
    console.log("ok", what);
  } catch (e) {
    failed++;
    console.log("not ok", what, "-", e.message);
  }
}

async function until(what, f) {
  const end = Date.now() + 15000;
  while (!(await f())) {
    assert.ok(Date.now() < end, "waited in vain for " + what);
    await new Promise((r) => setTimeout(r, 30));
  }
}

// ---- provocations: route, method, expected status, name, how ----
const id = randomUUID();
const ndjson = (body) => send("POST", "/v1/events", { token: "client", headers: NDJSON, body });
const get = (target, token, headers) => send("GET", target, { token, headers });
const away = { "X-Forwarded-For": "192.0.2.7" };
const E = "/v1/events", P = "/v1/events/{id}", S = "/v1/stream";
const cases = [
  [E, "post", 202, "new", () => post(event({ id }))],
  [E, "post", 200, "the same again", () => post(event({ id }))],
  [E, "post", 409, "other content", () => post(event({ id, payload: {} }))],
  [E, "post", 200, "batch", () => ndjson([event(), event({ id }), event({ unit: "PS002" }), { x: 1 }].map((e) => JSON.stringify(e)).join("\n") + "\n{\n")],
  [E, "post", 400, "malformed", () => post("{")],
  [E, "post", 400, "unknown member", () => post(event({ x: 1 }))],
  [E, "post", 400, "empty batch", () => ndjson("\n")],
  [E, "post", 401, "no token", () => post(event(), { token: undefined })],
  [E, "post", 401, "unknown token", () => post(event(), { token: "nobody" })],
  [E, "post", 403, "role", () => post(event(), { token: "observer" })],
  [E, "post", 403, "type", () => post(event({ type: "activity.rejected" }))],
  [E, "post", 403, "unit", () => post(event({ unit: "PS002" }))],
  [E, "post", 411, "no length", () => rawPost()],
  [E, "post", 413, "event", () => post(" ".repeat(70000))],
  [E, "post", 413, "501 lines", () => ndjson((JSON.stringify(event()) + "\n").repeat(501))],
  [E, "post", 415, "media type", () => post(event(), { headers: { "Content-Type": "text/plain" } })],
  [E, "post", 422, "member missing", () => post({ unit: "PS001", payload: {} })],
  [E, "post", 422, "member wrong", () => post(event({ key: 1 }))],
  [E, "post", 422, "type unknown", () => post(event({ type: "a.b" }))],
  [E, "post", 422, "unit unknown", () => post(event({ unit: "XX000" }))],
  [E, "post", 422, "id version", () => post(event({ id: "01890a5d-ac96-874b-bcce-b302099a8057" }))],
  [E, "post", 429, "token", async () => {
    let r;
    for (let i = 0; i < 5; i++) r = await post(event(), { token: "slow" });
    return r;
  }],
  [E, "post", 503, "busy", async () => { await tell("mode busy"); return post(event()); }],
  [E, "post", 503, "unknown outcome", async () => { await tell("mode silent"); const r = await post(event()); await tell("mode store"); return r; }],
  [E, "post", 414, "address", () => post(event(), {}) && send("POST", "/v1/events?" + "x".repeat(3000), { token: "client", headers: JSON_TYPE, body: "{}" })],
  [E, "post", 431, "header fields", () => post(event(), { headers: { ...JSON_TYPE, "X-A": "x".repeat(9000) } })],
  [E, "post", 405, "GET", () => get("/v1/events", "client")],
  [P, "get", 200, "found", () => get("/v1/events/" + id, "client")],
  [P, "get", 400, "no uuid", () => get("/v1/events/xyz", "client")],
  [P, "get", 401, "no token", () => get("/v1/events/" + id)],
  [P, "get", 403, "role", () => get("/v1/events/" + id, "metrics")],
  [P, "get", 404, "unknown", () => get("/v1/events/" + randomUUID(), "client")],
  [P, "get", 404, "foreign", () => get("/v1/events/" + id, "other")],
  [P, "get", 405, "method", () => send("DELETE", "/v1/events/" + id, { token: "client" })],
  [S, "get", 200, "from the start", async () => {
    await tell("close validation 1 3 1");
    return send("GET", "/v1/stream?from=start", { token: "centre", untilData: (t) => t.includes("event: closure") && t.endsWith("\n\n") });
  }],
  [S, "get", 400, "bad id", () => get("/v1/stream", "centre", { "Last-Event-ID": "?" })],
  [S, "get", 401, "no token", () => get("/v1/stream")],
  [S, "get", 403, "role", () => get("/v1/stream", "metrics")],
  [S, "get", 429, "too many", async () => {
    const open = [0, 1].map(() => http.get({ host: "127.0.0.1", port, path: "/v1/stream", agent: false, headers: { Authorization: "Bearer " + tokens.operator } }));
    for (const rq of open) await new Promise((ok) => rq.on("response", ok));
    const r = await get("/v1/stream", "operator");
    for (const rq of open) rq.on("error", () => {}).destroy();
    return r;
  }],
  [S, "get", 405, "method", () => send("POST", "/v1/stream", { token: "client", body: "x" })],
  ["/metrics", "get", 200, "here", () => get("/metrics")],
  ["/metrics", "get", 401, "from afar", () => get("/metrics", undefined, away)],
  ["/metrics", "get", 403, "from afar by a client", () => get("/metrics", "client", away)],
  ["/metrics", "get", 405, "method", () => send("POST", "/metrics", { body: "x" })],
  ["/livez", "get", 200, "alive", () => get("/livez")],
  ["/livez", "get", 405, "method", () => send("POST", "/livez", { body: "x" })],
  ["/readyz", "get", 200, "ready", () => get("/readyz")],
  ["/readyz", "get", 200, "ready, verbose", () => get("/readyz?verbose")],
  ["/readyz", "get", 405, "method", () => send("POST", "/readyz", { body: "x" })],
];

function rawPost() {
  return new Promise((resolve, reject) => {
    const rq = http.request({ host: "127.0.0.1", port, method: "POST", path: "/v1/events", agent: false, headers: { ...JSON_TYPE, Authorization: "Bearer " + tokens.client } }, (rs) => {
      let text = "";
      rs.on("data", (d) => (text += d));
      rs.on("end", () => resolve({ status: rs.statusCode, headers: rs.headers, text }));
    });
    rq.on("error", reject);
    rq.useChunkedEncodingByDefault = false; // neither a length nor chunks
    rq.removeHeader("Content-Length");
    rq.removeHeader("Transfer-Encoding");
    rq.end();
  });
}

await check("openapi.json is OpenAPI 3.1", async () => {
  // it resolves references inside one document only; ours go to files, which the next check compiles
  const result = await new Validator().validate(JSON.parse(JSON.stringify(api), (k, v) => (v && v.$ref ? {} : v)));
  assert.ok(result.valid, JSON.stringify(result.errors));
});
await check("all schemas compile", () => {
  for (const name of SCHEMAS) ajv.getSchema(`${BASE}schemas/${name}.json`);
  const files = readdirSync(path.join(proto, "schemas")).filter((f) => !f.slice(0, -5).includes(".") && f.endsWith(".json"));
  for (const name of SCHEMAS) assert.ok(files.includes(name + ".json"), name);
});
await check("event.json agrees with the gateway", async () => {
  const schema = { $ref: "schemas/event.json" };
  const bad = [{}, event({ id: 1 }), event({ key: "" }), event({ schema_version: 0 }), event({ schema_version: 65536 }), event({ payload: [] }),
    event({ occurred_at: "x" }), event({ extra: 1 }), event({ id: "01890a5d-ac96-874b-bcce-b302099a8057" })];
  for (const e of [event(), event({ id: randomUUID() }), event({ key: "k", occurred_at: "2026-01-01T00:00:00Z", schema_version: 1 })]) {
    validate(schema, e, "a good event");
    assert.equal((await post(e)).status, 202);
  }
  for (const e of bad) {
    assert.throws(() => validate(schema, e, "a bad event"), JSON.stringify(e));
    assert.ok((await post(e)).status >= 400, JSON.stringify(e));
  }
});
cases.push(
  ["/v1/login", "post", 200, "right", () => login(right)],
  ["/v1/login", "post", 400, "malformed", () => login("{")],
  ["/v1/login", "post", 400, "unknown member", () => login('{"login":"a","password":"b","x":1}')],
  ["/v1/login", "post", 401, "wrong", () => login('{"login":"nobody","password":"wrong password"}')],
  ["/v1/login", "post", 403, "another site", () => login(right, THEIRS)],
  ["/v1/login", "post", 403, "no TLS", () => login(right, { "X-Forwarded-For": "192.0.2.1" })],
  ["/v1/login", "post", 413, "large", () => login(" ".repeat(2000))],
  ["/v1/login", "post", 415, "media type", () => login(right, { "Content-Type": "text/plain" })],
  ["/v1/login", "post", 422, "member missing", () => login("{}")],
  ["/v1/login", "post", 429, "guessing", async () => {
    let r;
    for (let i = 0; i < 6; i++) r = await login('{"login":"guessed","password":"wrong password"}');
    return r;
  }],
  ["/v1/login", "post", 405, "method", () => look("/v1/login")],
  ["/v1/logout", "post", 204, "out", async () => send("POST", "/v1/logout", { headers: { ...(await cookie()), ...OURS } })],
  ["/v1/logout", "post", 403, "another site", async () => send("POST", "/v1/logout", { headers: { ...(await cookie()), ...THEIRS } })],
  ["/v1/logout", "post", 405, "method", () => look("/v1/logout")],
  ["/v1/confirm", "post", 200, "show", () => confirm({ ...host, say: "show" })],
  ["/v1/confirm", "post", 202, "confirm", () => confirm({ ...host, say: "confirm", answer: { satisfied: 5 } })],
  ["/v1/confirm", "post", 200, "the same again", () => confirm({ ...host, say: "confirm", answer: { satisfied: 5 } })],
  ["/v1/confirm", "post", 409, "another answer", () => confirm({ ...host, say: "confirm", answer: { satisfied: 1 } })],
  ["/v1/confirm", "post", 404, "no such link", () => confirm({ token: "nobody", say: "show" })],
  ["/v1/confirm", "post", 404, "expired", () => confirm({ token: "link-late-bbbbbbbbbbbbbb", say: "show" })],
  ["/v1/confirm", "post", 404, "too long to be one", () => confirm({ token: "x".repeat(200), say: "show" })],
  ["/v1/confirm", "post", 400, "malformed", () => confirm("{")],
  ["/v1/confirm", "post", 400, "unknown member", () => confirm({ ...host, say: "show", x: 1 })],
  ["/v1/confirm", "post", 413, "large", () => confirm(" ".repeat(9000))],
  ["/v1/confirm", "post", 415, "media type", () => confirm("{}", { "Content-Type": "text/plain" })],
  ["/v1/confirm", "post", 422, "member missing", () => confirm({})],
  ["/v1/confirm", "post", 422, "no such word", () => confirm({ ...host, say: "perhaps" })],
  ["/v1/confirm", "post", 405, "method", () => send("GET", "/v1/confirm")],
  ["/v1/confirm", "post", 429, "guessing", async () => {
    let r;
    for (let i = 0; i < 2000 && r?.status !== 429; i++) r = (await Promise.all(Array.from({ length: 20 }, () => confirm({ token: "guess", say: "show" })))).find((x) => x.status === 429);
    return r;
  }],
  ["/v1/me", "get", 200, "me", () => look("/v1/me")],
  ["/v1/me", "get", 401, "nobody", () => send("GET", "/v1/me")],
  ["/v1/me", "get", 401, "a token is no login", () => send("GET", "/v1/me", { token: "observer" })],
  ["/v1/me", "get", 403, "another site", () => look("/v1/me", THEIRS)],
  ["/v1/me", "get", 405, "method", () => send("POST", "/v1/me", { headers: OURS })],
  ["/v1/board", "get", 200, "login", () => look("/v1/board?history=1")],
  ["/v1/board", "get", 200, "token", () => send("GET", "/v1/board", { token: "observer" })],
  ["/v1/board", "get", 401, "nobody", () => send("GET", "/v1/board")],
  ["/v1/board", "get", 403, "role", () => send("GET", "/v1/board", { token: "client" })],
  ["/v1/board", "get", 405, "method", () => send("POST", "/v1/board", { headers: OURS })],
);
const accept = (body, headers = {}) => send("POST", "/v1/accept", { headers: { ...JSON_TYPE, ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) });
const guest = { token: "invite-good-cccccccccccc" }, A = "/v1/accept", secret = "a password of ten bytes";
cases.push([A, "post", 200, "show", () => accept({ ...guest, say: "show" })], [A, "post", 422, "short password", () => accept({ ...guest, say: "accept", password: "short" })],
  [A, "post", 200, "accept", () => accept({ ...guest, say: "accept", password: secret })], [A, "post", 410, "used", () => accept({ ...guest, say: "accept", password: secret })],
  [A, "post", 410, "expired", () => accept({ token: "invite-late-dddddddddddd", say: "show" })], [A, "post", 404, "unknown", () => accept({ token: "nobody", say: "show" })],
  [A, "post", 400, "malformed", () => accept("{")], [A, "post", 422, "member missing", () => accept({})], [A, "post", 422, "no such word", () => accept({ ...guest, say: "perhaps" })],
  [A, "post", 403, "another site", () => accept({ ...guest, say: "show" }, THEIRS)], [A, "post", 403, "no TLS", () => accept({ ...guest, say: "show" }, { "X-Forwarded-For": "192.0.2.1" })],
  [A, "post", 413, "large", () => accept(" ".repeat(2000))], [A, "post", 415, "media type", () => accept("{}", { "Content-Type": "text/plain" })], [A, "post", 405, "method", () => send("GET", A)],
  [A, "post", 429, "guessing", async () => {
    let r;
    for (let i = 0; i < 200 && r?.status !== 429; i++) r = (await Promise.all(Array.from({ length: 20 }, () => accept({ token: "guess", say: "show" })))).find((x) => x.status === 429);
    return r;
  }]);
// ---- the pages: route, a good address, then (null: has none) one in a wrong form, one that is not there; all by a token ----
const linked = "01900000-0000-7000-8000-00000000c0de", flagged = "b49f0241-0d65-8b6e-8cb2-877eed75ddee";
const pages = [
  ["/v1/review", "/v1/review?unit=SU003", "/v1/review?after=x", null, "client"],
  ["/v1/sample", "/v1/sample?day=2026-03-01", "/v1/sample?day=2026-13-41", null, "centre"],
  ["/v1/activities/{id}", "/v1/activities/" + linked, "/v1/activities/x", "/v1/activities/" + randomUUID(), "client"],
  ["/v1/flags", "/v1/flags?state=OPEN", "/v1/flags?page=x", null, "client"],
  ["/v1/flags/{id}", "/v1/flags/" + flagged, "/v1/flags/x", "/v1/flags/" + randomUUID(), "client"],
  ["/v1/reports/{id}", "/v1/reports/activities?by=month&since=2026-01-01", "/v1/reports/activities?by=weather", null, "client"],
  ["/v1/mail", "/v1/mail?only=todo", "/v1/mail?page=x", null, "client"],
  ["/v1/outcomes/{id}", "/v1/outcomes/" + linked, "/v1/outcomes/x", "/v1/outcomes/" + randomUUID(), "client"],
];
for (const [route, good, wrong, missing, token] of pages) {
  cases.push([route, "get", 200, "answer", () => get(good, token)], [route, "get", 401, "nobody", () => get(good)],
    [route, "get", 403, "role", () => get(good, "metrics")], [route, "get", 403, "another site", () => look(good, THEIRS)],
    [route, "get", 405, "method", () => send("POST", good, { token, body: "x" })]);
  if (wrong) cases.push([route, "get", 400, "form", () => get(wrong, token)]);
  if (missing) cases.push([route, "get", 404, "missing", () => get(missing, token)], [route, "get", 404, "foreign", () => get(good, "other")]);
}
cases.push(["/v1/review", "get", 403, "observer", () => get("/v1/review", "observer")], ["/v1/sample", "get", 403, "a unit", () => get("/v1/sample", "client")]);
const C = "/v1/certificates/{id}", certificate = "/v1/certificates/LJ-C2026-0000000";
cases.push([C, "get", 200, "void", () => send("GET", certificate)], [C, "get", 404, "no such number", () => send("GET", "/v1/certificates/LJ-C2026-0000009")],
  [C, "get", 404, "no number", () => send("GET", "/v1/certificates/1")], [C, "get", 400, "form", () => send("GET", "/v1/certificates/%27")],
  [C, "get", 405, "method", () => send("POST", certificate, { body: "x" })],
  [C, "get", 429, "trying numbers", async () => {
    let r;
    for (let i = 0; i < 200 && r?.status !== 429; i++) r = (await Promise.all(Array.from({ length: 20 }, () => send("GET", certificate)))).find((x) => x.status === 429);
    return r;
  }], ["/v1/reports/{id}", "get", 403, "no such report", () => get("/v1/reports/nothing", "client")]);
for (const [route, method, status, name, how] of cases) {
  await check(`${method} ${route} ${status} ${name}`, async () => {
    const r = matches(route, method, await how(), name);
    assert.equal(r.status, status);
    if (status === 405) assert.ok(r.headers.allow);
  });
}
await check("no such path", async () => {
  const r = await get("/nope");
  assert.equal(r.status, 404);
  validate({ $ref: "schemas/problem.json" }, JSON.parse(r.text), "404");
});
await check("the broker away", async () => {
  await tell("broker stop");
  await until("unreadiness", async () => (await get("/readyz")).status === 503);
  matches("/readyz", "get", await get("/readyz"), "readyz");
  const r = matches(E, "post", await post(event()), "post");
  assert.equal(JSON.parse(r.text).code, "broker_unavailable");
});
await check("the database away", async () => {
  await tell("pg stop");
  await until("unknown tokens to get 503", async () => (await get("/v1/stream", "nobody")).status === 503);
  for (const [route, target] of [[P, "/v1/events/" + id], [S, "/v1/stream"], ["/metrics", "/metrics"]]) {
    matches(route, "get", await get(target, "nobody", away), target);
  }
  assert.equal(matches(P, "get", await get("/v1/events/" + id, "client"), "provenance").status, 503);
  assert.equal(matches("/v1/login", "post", await login(right), "login").status, 503);
  assert.equal(matches("/v1/confirm", "post", await confirm({ ...host, say: "show" }), "confirm").status, 503);
  await until("the ration of invitations", async () => matches(A, "post", await accept({ ...guest, say: "show" }), "accept").status === 503);
  await until("the ration of certificates", async () => matches(C, "get", await send("GET", certificate), "certificate").status === 503);
  for (const [route, good, , , token] of pages) assert.equal(matches(route, "get", await get(good, token), route).status, 503);
  await tell("pg start");
  await tell("broker start");
});
await check("draining", async () => {
  await until("readiness", async () => (await get("/readyz")).status === 200);
  await tell("mode silent");
  const waiting = post(event());
  await until("the event to be on its way", async () => /events_in_flight 1$/m.test((await get("/metrics")).text));
  await tell("gateway term");
  await until("unreadiness", async () => (await get("/readyz")).status === 503);
  assert.equal(JSON.parse(matches(E, "post", await post(event()), "draining").text).code, "draining");
  matches(S, "get", await get("/v1/stream", "centre"), "stream while draining");
  assert.equal((await waiting).status, 503);
});
await check("every documented answer was seen", () => {
  const all = Object.entries(api.paths).flatMap(([route, methods]) =>
    Object.entries(methods).flatMap(([method, o]) => Object.keys(o.responses).map((status) => `${route} ${method} ${status}`)));
  assert.deepEqual(all.filter((x) => !seen.has(x)), []);
});
child.stdin.end();
console.log("codes seen:", [...seenCodes].sort().join(" "));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
