/**
 * Hands what comes to `/functions/v1/ingest` and `/functions/v1/query` to the Python functions, and
 * their answer back. Not a byte of a body is changed, so a batch's signature holds.
 *
 * The body is collected here first, up to the limit: a slow client occupies this function, which is
 * made for waiting, and not a worker of the Python functions, which serves one request at a time.
 */

export interface Settings {
  /** Where the Python functions answer: the value of `VIBELOOM_UPSTREAM`. */
  upstream: string | undefined;
  /** How long they may take, from the first byte sent to the last received. */
  timeoutMs: number;
}

const MAX_BODY = 5 * 1024 * 1024; // bytes; as functions/gateway.py
const MAX_DRAINED = 4 * MAX_BODY; // bytes of a body that is too large, read and dropped
const TIMEOUT_MS = 25_000; // less than a monitor waits (30 s), so that it hears why
const RETRY_AFTER = "5"; // s; as Unavailable in functions/core/errors.py
const VIA = "vibeloom-edge";

// Supabase leaves /functions/v1 out of what a function sees. Letters, digits and dashes only: what
// another server might read as "..", a slash or a host never gets there.
const PATH = /^(?:\/functions\/v1)?(\/ingest|\/query(?:\/[A-Za-z0-9_-]+)*)$/;

// RFC 9110 §7.6.1: what is said to the next machine only.
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
// What the two connections settle for themselves.
const PER_CONNECTION = [
  "host",
  "content-length",
  "expect",
  "accept-encoding",
  "via",
];
const HERE = ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"];

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/** What `Deno.serve` calls in both functions. */
export const forward: (request: Request) => Promise<Response> = forwarder({
  upstream: Deno.env.get("VIBELOOM_UPSTREAM"),
  timeoutMs: TIMEOUT_MS,
});

/** A handler that forwards to one upstream and nowhere else. */
export function forwarder(
  settings: Settings,
): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await exchange(request, settings);
    } catch (problem) {
      if (problem instanceof Refusal) return refused(problem);
      console.error("unhandled", problem);
      return refused(
        new Refusal(500, "internal_error", "Something went wrong."),
      );
    }
  };
}

async function exchange(
  request: Request,
  settings: Settings,
): Promise<Response> {
  const target = targetOf(new URL(request.url), settings.upstream);
  const headers = requestHeaders(request.headers);
  const body = await collect(request);
  const signal = AbortSignal.timeout(settings.timeoutMs);
  let answer: Response;
  try {
    answer = await fetch(target, {
      method: request.method,
      headers,
      body,
      redirect: "manual",
      signal,
    });
  } catch (problem) {
    throw unanswered(problem);
  }
  if (answer.status >= 300 && answer.status < 400 && answer.status !== 304) {
    await answer.body?.cancel();
    throw new Refusal(
      502,
      "upstream_redirects",
      "VIBELOOM_UPSTREAM leads elsewhere; set it to the address itself.",
    );
  }
  // Deno.serve sends on what fetch gives it without asking the signal again; a stream it does ask.
  const timed = answer.body?.pipeThrough(new TransformStream(), { signal });
  return new Response(timed, {
    status: answer.status,
    statusText: answer.statusText,
    headers: withoutHops(answer.headers),
  });
}

function targetOf(asked: URL, upstream: string | undefined): string {
  const path = PATH.exec(asked.pathname)?.[1];
  if (path === undefined) {
    throw new Refusal(
      404,
      "not_found",
      "Only ingest and query are forwarded here.",
    );
  }
  return `${baseOf(upstream)}/v1${path}${asked.search}`;
}

function baseOf(upstream: string | undefined): string {
  const base = upstream && URL.canParse(upstream) ? new URL(upstream) : null;
  const safe = base?.protocol === "https:" ||
    (base?.protocol === "http:" && HERE.includes(base.hostname));
  if (!base || !safe || base.username || base.search || base.hash) {
    console.error(
      "VIBELOOM_UPSTREAM must be the https:// address of the Python functions",
    );
    throw new Refusal(
      503,
      "unavailable",
      "This function does not know where to forward to: set VIBELOOM_UPSTREAM.",
    );
  }
  return base.origin + base.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
}

function requestHeaders(received: Headers): Headers {
  const via = received.get("via");
  if (via?.includes(VIA)) {
    throw new Refusal(
      508,
      "loop_detected",
      "VIBELOOM_UPSTREAM leads back to this function.",
    );
  }
  const headers = withoutHops(received);
  for (const name of PER_CONNECTION) headers.delete(name);
  headers.set("via", via ? `${via}, 1.1 ${VIA}` : `1.1 ${VIA}`);
  // fetch would unpack what it is sent packed; so nothing is.
  headers.set("accept-encoding", "identity");
  return headers;
}

function withoutHops(received: Headers): Headers {
  const headers = new Headers(received);
  const named = (received.get("connection") ?? "").split(",");
  for (const name of [...HOP_BY_HOP, ...named]) {
    if (name.trim()) headers.delete(name.trim());
  }
  return headers;
}

async function collect(
  request: Request,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!request.body) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body) {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
      // A client that is cut off in the middle of sending may never see the answer.
      else if (size > MAX_DRAINED) break;
      else chunks.length = 0;
    }
  } catch {
    throw new Refusal(
      400,
      "invalid_request",
      "The request body ends too early.",
    );
  }
  if (size > MAX_BODY) {
    throw new Refusal(
      413,
      "payload_too_large",
      "The body is larger than 5 MB.",
    );
  }
  const body = new Uint8Array(size);
  let filled = 0;
  for (const chunk of chunks) {
    body.set(chunk, filled);
    filled += chunk.length;
  }
  return body;
}

function unanswered(problem: unknown): Refusal {
  const wait = { "retry-after": RETRY_AFTER };
  if (problem instanceof DOMException && problem.name === "TimeoutError") {
    return new Refusal(
      504,
      "upstream_timeout",
      "The functions did not answer in time; try again.",
      wait,
    );
  }
  console.error("the upstream cannot be reached", problem);
  return new Refusal(
    502,
    "upstream_unreachable",
    "The functions cannot be reached; try again.",
    wait,
  );
}

/** The one shape of an error. Any page may read it: there is nobody's data in it. */
function refused(refusal: Refusal): Response {
  const body = { error: refusal.code, message: refusal.message };
  return Response.json(body, {
    status: refusal.status,
    headers: {
      ...refusal.headers,
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "X-Request-Id, Retry-After",
      "x-request-id": crypto.randomUUID(),
    },
  });
}
