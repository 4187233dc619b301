// Calls every operation of the API with the client that openapi-typescript and openapi-fetch make.
//
// What tsc --strict lets pass is what the document promises. Each answer is written as a line of
// JSON, for the test to hold it against its schema.

import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Event = components["schemas"]["Event"];
type JobPath = Extract<keyof paths, `/v1/jobs/${string}`>;

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const witness: Middleware = {
  async onResponse({ request, response, schemaPath }) {
    const body = await response.clone().text();
    const type = response.headers.get("content-type");
    const { method } = request;
    console.log(JSON.stringify({ method, path: schemaPath, status: response.status, type, body }));
  },
};

const clientOf = (token: string) => {
  const headers = { Authorization: `Bearer ${token}` };
  const client = createClient<paths>({ baseUrl: setting("URL"), headers });
  client.use(witness);
  return client;
};

/** The answer's data, or an error that says what the API said. */
const got = <T>(answer: { data?: T; error?: components["schemas"]["ErrorBody"] }): T => {
  if (answer.error !== undefined) throw new Error(`${answer.error.error}: ${answer.error.message}`);
  if (answer.data === undefined) throw new Error("an answer without data");
  return answer.data;
};

/** An answer without a body. */
const done = (answer: { error?: components["schemas"]["ErrorBody"]; response: Response }): void => {
  if (answer.error !== undefined) throw new Error(`${answer.error.error}: ${answer.error.message}`);
  if (answer.response.status !== 204) throw new Error(`status ${answer.response.status}`);
};

const me = clientOf(setting("TOKEN"));
const friend = clientOf(setting("FRIEND_TOKEN"));
const scheduler = clientOf(setting("JOB_TOKEN"));

const publicKeyOf = (key: KeyObject): string => {
  const { x } = key.export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url").toString("base64");
};

const signed = (key: KeyObject, text: string): string =>
  sign(null, Buffer.from(text), key).toString("base64");

const newKey = (): KeyObject =>
  createPrivateKey(generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }));

const proofOf = async (name: string, key: KeyObject) => {
  const { challenge } = got(await me.POST("/v1/sources/challenge"));
  const public_key = publicKeyOf(key);
  const statement = `vibeloom-source-v1\n${name}\n${public_key}\n${challenge}`;
  return { public_key, challenge, signature: signed(key, statement) };
};

// --- sources and ingest ---

const name = `typescript-${randomUUID().slice(0, 8)}`;
const key = newKey();
const source = got(
  await me.POST("/v1/sources", { body: { name, ...(await proofOf(name, key)) } }),
);
const path = { source_id: source.id };
const changed = got(
  await me.PATCH("/v1/sources/{source_id}", { params: { path }, body: { expected_every_hours: 24 } }),
);
if (changed.expected_every_hours !== 24) throw new Error("the expectation was not kept");
const second = await proofOf(name, newKey());
const { keys } = got(
  await me.POST("/v1/sources/{source_id}/keys", { params: { path }, body: second }),
);
const added = keys.find((found) => found.public_key === second.public_key);
if (added === undefined) throw new Error("the second key is not there");
done(
  await me.DELETE("/v1/sources/{source_id}/keys/{key_id}", {
    params: { path: { ...path, key_id: added.id } },
  }),
);

const now = new Date();
const event = (type: Event["type"], payload: Event["payload"]): Event => ({
  id: `evt_${randomUUID().replaceAll("-", "").slice(0, 20)}`,
  source: name,
  timestamp: new Date(now.getTime() - 60_000).toISOString(),
  type,
  payload,
});
const batch: Event[] = [
  event("tool", { tool: "Read", project: "loom", language: "rust", sessionId: "s1" }),
  event("heartbeat", { entity: "main.rs", project: "loom", language: "rust" }),
  event("terminal", { command: "cargo test", exit_code: 1, project: "loom" }),
  event("llm", { provider: "anthropic", model: "claude-opus-4-5", input_tokens: 9, output_tokens: 8 }),
  event("llm", { provider: "acme", model: "loom-1", input_tokens: 9, output_tokens: 8 }),
];
const text = JSON.stringify(batch);
const { inserted } = got(
  await me.POST("/v1/ingest", {
    params: { header: { "X-Source-ID": name } },
    headers: { "X-Signature": signed(key, text) },
    body: batch,
    bodySerializer: () => text,
  }),
);
if (inserted !== batch.length) throw new Error(`${inserted} events were stored`);
const listed = got(await me.GET("/v1/sources", { params: { query: { limit: 50 } } }));
if (listed.items[0]?.last_seen_at == null) throw new Error("the source was not seen");

// --- questions ---

const today = now.toISOString().slice(0, 10);
const query = { from: today, to: today, tz: "UTC" };
const heatmap = got(await me.GET("/v1/query", { params: { query: { days: 7, source: name } } }));
if (heatmap.aggregates[0]?.eventCount !== batch.length) throw new Error("the heatmap is wrong");
const summary = got(await me.GET("/v1/query/summary", { params: { query: { days: 7 } } }));
const focus: number | undefined = summary.score.parts.find((part) => part.name === "focus")?.value;
if (summary.totals.events !== batch.length) throw new Error(`the summary is wrong, focus ${focus}`);
const timeline = got(
  await me.GET("/v1/query/timeline", {
    params: { query: { days: 2, by: "hour", group: "kind", limit: 1 } },
  }),
);
if (timeline.next === null) throw new Error("the timeline has one page");
got(
  await me.GET("/v1/query/timeline", {
    params: { query: { days: 2, by: "hour", group: "kind", cursor: timeline.next } },
  }),
);
got(await me.GET("/v1/query/projects", { params: { query: { days: 2, language: "rust" } } }));
got(await me.GET("/v1/query/languages", { params: { query: { days: 2, kind: "tool" } } }));
const costs = got(
  await me.GET("/v1/query/tokens", {
    params: { query: { by: "month", group: "model", budget_usd: 99.9 } },
  }),
);
if (costs.projection.budget?.state !== "within") throw new Error("the budget is crossed");
if (costs.unpriced_models[0]?.model !== "loom-1") throw new Error("no model is unpriced");
const blocks = got(await me.GET("/v1/query/blocks", { params: { query: { days: 3 } } }));
if (blocks.items[0]?.calls !== 2) throw new Error("the block is wrong");
got(await me.GET("/v1/query/time", { params: { query: { ...query, by: "category" } } }));
got(await me.GET("/v1/query/sessions", { params: { query: { days: 2, lane: "agent" } } }));
const errors = got(await me.GET("/v1/query/errors", { params: { query: { days: 2 } } }));
if (errors.by_lane[0]?.lane !== "human") throw new Error("nobody had an error");
const events = got(await me.GET("/v1/events", { params: { query: { order: "asc", limit: 2 } } }));
if (events.items.length !== 2) throw new Error("a page has two events");
const lines: string = got(
  await me.GET("/v1/events.ndjson", { params: { query: { kind: "llm" } }, parseAs: "text" }),
);
if (lines.trim().split("\n").length !== 2) throw new Error("two calls are exported");
const refused = await me.GET("/v1/query/summary", { params: { query: { days: 0 } } });
if (refused.error?.error !== "invalid_range") throw new Error("0 days are refused");

// --- the account ---

const profile = got(await me.GET("/v1/me"));
const handle = `ts-${profile.id.slice(0, 8)}`;
got(
  await me.PATCH("/v1/me", {
    params: { header: { "If-Match": "*" } },
    body: { handle, leaderboard_opt_in: true },
  }),
);
got(await me.GET("/v1/me/purges", { params: { query: { limit: 10 } } }));
const token = got(
  await me.POST("/v1/tokens", { body: { name: "t", scopes: ["query:read"], expires_in_days: 1 } }),
);
const tokens = got(await me.GET("/v1/tokens", { params: { query: { limit: 10 } } }));
if (!tokens.items.some((found) => found.id === token.id)) throw new Error("no token is listed");
done(await me.DELETE("/v1/tokens/{token_id}", { params: { path: { token_id: token.id } } }));

const board = got(await me.POST("/v1/leaderboards", { body: { name: "Night weavers" } }));
const at = { params: { path: { board_id: board.id } } };
got(await me.GET("/v1/leaderboards"));
const { code } = got(await me.POST("/v1/leaderboards/{board_id}/code", at));
got(await friend.POST("/v1/leaderboards/join", { body: { code } }));
const compared = { metric: "events", period: "month" } as const;
const ranking = got(
  await me.GET("/v1/leaderboards/{board_id}", {
    params: { path: { board_id: board.id }, query: compared },
  }),
);
if (ranking.items[0]?.handle !== handle) throw new Error("nobody is ranked");
got(await me.GET("/v1/leaderboards/public", { params: { query: { ...compared, limit: 5 } } }));
done(await friend.DELETE("/v1/leaderboards/{board_id}/membership", at));
done(await me.DELETE("/v1/leaderboards/{board_id}", at));

// --- the schedule, whose jobs are named by whoever runs this ---

for (const job of JSON.parse(setting("JOBS")) as JobPath[]) {
  const { status } = got(await scheduler.POST(job));
  if (status !== "done") throw new Error(job);
}
