// The public API, typed by its own document; what it refuses becomes a Problem. For which organization a call is, the address
// says (organization.ts sets it).
import createClient from "openapi-fetch";

import { complete, lacks } from "./older";
import { apiBase } from "./page";
import type { components, paths } from "./schema";
import { t } from "./text";

type Schemas = components["schemas"];
export type Profile = Schemas["Profile"];
export type Membership = Schemas["Membership"];
export type Role = Schemas["Role"];
export type Audit = Schemas["Audit"];
export type AuditHost = Schemas["AuditHost"];
export type TrendPoint = Schemas["TrendPoint"];
export type AuditSchedule = Schemas["AuditSchedule"];
export type AuditImport = Schemas["AuditImport"];
export type Evidence = Schemas["Evidence"];
export type Triage = Schemas["Triage"];
export type FindingChange = Schemas["FindingChange"];
export type Check = Schemas["Check"];
export type Decision = NonNullable<paths["/audits/{audit}/evidence/"]["patch"]["requestBody"]>["content"]["application/json"];
export type Member = Schemas["Member"];
export type Invite = Schemas["Invite"];
export type InvitePreview = Schemas["InvitePreview"];
export type Activity = Schemas["Activity"];
export type Session = Schemas["Session"];
export type Token = Schemas["Token"];
export type NewToken = Schemas["NewToken"];
export type Subscription = Schemas["Subscription"];
export type Plan = Schemas["Plans"]["plans"][number];
export type Endpoint = Schemas["Endpoint"];
export type Delivery = Schemas["Delivery"];
export type Usage = Schemas["Usage"];
export type CheckoutReturn = Schemas["CheckoutReturn"];

export const api = createClient<paths>({ baseUrl: apiBase, credentials: "same-origin" });

let organization = "";

/** The organization that calls are for from now on, by id or slug; "": none. */
export function callFor(chosen: string): void {
    organization = chosen;
}

/* Which call an answer is of. */
const calls = new WeakMap<Response, { method: string; path: string }>();

api.use({
    onResponse({ request, response, schemaPath }) {
        calls.set(response, { method: request.method, path: schemaPath });
    },
    onRequest({ request }) {
        if (organization) {
            request.headers.set("X-Organization-ID", organization);
        }
        return request;
    },
});

/** Why something was not done, for people: what the API says, or in words of ours what came in its place. */
export class Problem extends Error {
    /** It is tried again by itself. */
    retried = false;

    /** status 0: nothing came back. fields: what is wrong with each. retryAfter: in seconds, where it helps to wait. */
    constructor(readonly status: number, readonly code: string, detail: string, readonly fields: Record<string, string[]> = {},
                readonly retryAfter = 0, readonly body: Record<string, unknown> = {}) {
        super(detail);
    }

    /** It may be otherwise in a moment. */
    get passes(): boolean {
        return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
    }
}

function general(status: number): string {
    return status >= 500 ? t.unavailable : status === 429 ? t.throttled : status === 404 ? t.notFound : t.unexpected;
}

/** A refusal: its status, what came as JSON, and what Retry-After says. */
export function refused(status: number, answer: unknown, wait: string | null): Problem {
    const body = (answer && typeof answer === "object" ? answer : {}) as Record<string, unknown>;
    const fields = Object.fromEntries(Object.entries(body).filter((entry): entry is [string, string[]] => Array.isArray(entry[1])
        && entry[1].every(text => typeof text === "string")));
    return new Problem(status, typeof body.code === "string" ? body.code : "",
                       typeof body.detail === "string" ? body.detail : Object.keys(fields).length ? "" : general(status),
                       fields, Number(wait) || 0, body);
}

interface Answer<T> {
    data?: T;
    error?: unknown;
    response: Response;
}

/** What a call answers when it succeeds; throws a Problem. */
export async function must<T>(call: Promise<Answer<T>>): Promise<T> {
    return (await answered(call)).data as T;
}

/** The same with the response, for its headers. */
export async function answered<T>(call: Promise<Answer<T>>): Promise<Answer<T>> {
    let answer: Answer<T>;
    try {
        answer = await call;
    }
    catch (failure) {
        // fetch() rejects with TypeError when nothing came back; anything else is an answer that is no answer of the API's.
        throw failure instanceof TypeError ? new Problem(0, "", t.offline) : new Problem(502, "", t.unexpected);
    }
    const { response } = answer, asked = calls.get(response);
    if (!response.ok) {
        if (asked && (response.status === 404 || response.status === 405) && await lacks(asked.method, asked.path)) {
            throw new Problem(response.status, "older", t.olderApi);
        }
        throw refused(response.status, answer.error, response.headers.get("Retry-After"));
    }
    return asked && answer.data !== undefined ? { ...answer, data: complete(asked.path, answer.data) } : answer;
}

/** Throws the Problem that a GET of this address would be refused with, and asks without being refused, which a browser would tell
 *  of. An API that is older than the console cannot be asked so, and begins to answer: nothing is thrown then. */
export async function allowed(url: string): Promise<void> {
    const asked = await fetch(url, { headers: { Prefer: "dry-run" } }).catch(() => {
        throw new Problem(0, "", t.offline);
    });
    if (asked.headers.get("Preference-Applied") !== "dry-run") {
        await asked.body?.cancel();
        return;
    }
    const said = await asked.json() as Schemas["DryRun"];
    if (!said.allowed) {
        throw refused(said.status ?? 403, said, null);
    }
}

/** Any failure as a Problem; one of ours is told in the browser's console too. */
export function asProblem(failure: unknown): Problem {
    if (failure instanceof Problem) {
        return failure;
    }
    console.error(failure);
    return new Problem(-1, "", t.broken);
}
