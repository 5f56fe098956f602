// An ordinary frontend of the product, on an origin of its own: what it calls and what it takes answers for is written in
// the types that openapi-typescript has made of the API's own document, and checked by the compiler.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Profile = components["schemas"]["Profile"];
type Audit = components["schemas"]["Audit"];
type Evidence = components["schemas"]["Evidence"];

/** Of the API; a constant of the build. */
declare const PORT: number;

const base = `${location.protocol}//${location.hostname.replace(/^app\./, "api.")}:${PORT}/api/v1`;
const api = createClient<paths>({ baseUrl: base, credentials: "include" });
let organization = localStorage.getItem("organization") ?? "";
api.use({
    onRequest({ request }) {
        if (organization) {
            request.headers.set("X-Organization-ID", organization);
        }
        return request;
    },
});

const app = document.querySelector<HTMLElement>("#app")!;

function show(html: string): void {
    app.innerHTML = html + '<p id="said" role="status"></p>';
}

function text(selector: string, value: unknown): void {
    document.querySelector(selector)!.textContent = String(value);
}

function field(form: HTMLFormElement, name: string): string {
    return (form.elements.namedItem(name) as HTMLInputElement).value;
}

function option(value: string): string | undefined {
    return value === "" ? undefined : value;
}

// What an error says, whichever of the two forms it has.
function words(error: unknown): string {
    const body = error as Record<string, unknown>;
    return typeof body.detail === "string"
        ? body.detail
        : Object.entries(body).filter(([name]) => name !== "code").map(([name, texts]) => `${name}: ${texts}`).join(" ");
}

class Refused extends Error { }

async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
    const { data, error, response } = await call;
    if (!response.ok) {
        throw new Refused(words(error));
    }
    return data as T;
}

function on(selector: string, event: string, work: (target: HTMLFormElement) => Promise<void>): void {
    document.querySelector(selector)!.addEventListener(event, happened => {
        happened.preventDefault();
        text("#said", "");
        work(happened.currentTarget as HTMLFormElement).catch(error => {
            if (!(error instanceof Refused)) {
                console.error(error);
            }
            text("#said", error.message);
        });
    });
}

/* ---------------------------------------------------------------- guests -- */

function guest(invite = ""): void {
    show(`<form id="login"><h2>Log in</h2><input name="email"><input name="password" type="password"><button>Log in</button></form>
          <form id="register"><h2>Register</h2><input name="email"><input name="password" type="password"><input name="name">
          <input name="organization"><button>Register</button></form>`);
    on("#login", "submit", async form => {
        await must(api.POST("/auth/login/", { body: { email: field(form, "email"), password: field(form, "password") } }));
        if (invite) {
            await must(api.POST("/invites/accept/", { body: { token: invite } }));
        }
        await start();
    });
    on("#register", "submit", async form => {
        const name = option(field(form, "name")), called = option(field(form, "organization"));
        await must(api.POST("/auth/register/", {
            body: {
                email: field(form, "email"), password: field(form, "password"), ...(name ? { name } : {}),
                ...(called ? { organization: called } : {}), ...(invite ? { invite } : {}),
            },
        }));
        history.replaceState(null, "", "/");
        await start();
    });
}

async function invited(token: string): Promise<void> {
    const { data, error } = await api.GET("/invites/{token}/", { params: { path: { token } } });
    guest(data ? token : "");
    text("#said", data ? `${data.inviter.name} invites you to ${data.organization.name} as ${data.role}` : words(error));
}

/* ----------------------------------------------------------------- users -- */

function mine(profile: Profile) {
    return profile.memberships.find(found => found.organization.id === (organization || profile.default_organization)) ?? profile.memberships[0];
}

async function evidence(audit: Audit): Promise<void> {
    const rows: Evidence[] = [];
    for (let page = 1; ; page++) {
        const found = await must(api.GET("/audits/{audit}/evidence/", { params: { path: { audit: audit.id }, query: { page, page_size: 10, ordering: "-severity" } } }));
        rows.push(...found.results);
        if (!found.next) {
            text("#evidence", `${rows.length} of ${found.count}`);
            return;
        }
    }
}

async function download(audit: Audit): Promise<void> {
    const { data, error, response } = await api.GET("/audits/{audit}/export/csv/", { params: { path: { audit: audit.id } }, parseAs: "blob" });
    if (!response.ok || !data) {
        throw new Refused(words(error));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(data as unknown as Blob);
    link.download = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "without a name";
    document.body.append(link);
    link.click();
}

async function list(): Promise<void> {
    const audits = await must(api.GET("/audits/", { params: { query: { ordering: "-created_at" } } }));
    const latest = audits.results[0];
    const words = audits.results.map(audit => `${audit.targets.join(" ")} ${audit.status} ${audit.progress.done}/${audit.progress.total}`);
    text("#audits", `${audits.count}: ${words.join(", ")}`);
    if (latest && ["queued", "running"].includes(latest.status)) {
        setTimeout(() => list().catch(console.error), 200);
    }
    else if (latest) {
        await evidence(latest);
    }
}

async function home(profile: Profile): Promise<void> {
    const membership = mine(profile);
    if (!membership) {
        show("<p>No organization</p>");
        return;
    }
    const org = membership.organization;
    show(`<h1 id="organization"></h1><p id="who"></p><p id="subscription"></p>
          <form id="rename"><input name="name"><button>Rename</button></form>
          <form id="audit"><input name="target"><button>Start</button></form><p id="audits"></p><p id="evidence"></p>
          <button id="export">Export</button><button id="upgrade">Upgrade</button>
          <button id="manage">Card, plan, cancellation</button>
          <form id="invite"><input name="email"><select name="role"><option>MEMBER</option><option>VIEWER</option></select><button>Invite</button></form>
          <p id="invited"></p><p id="team"></p><p id="organizations"></p><button id="found">Found another</button><button id="logout">Log out</button>`);
    text("#organization", org.name);
    text("#who", `${profile.name || profile.email} (${membership.role})`);
    on("#rename", "submit", async form => {
        text("#organization", (await must(api.PUT("/organizations/{org}/", { params: { path: { org: org.id } }, body: { name: field(form, "name") } }))).name);
    });
    on("#audit", "submit", async form => {
        const { error, response } = await api.POST("/audits/start/", {
            params: { header: { "Idempotency-Key": `${Date.now()}-${Math.random()}` } }, body: { targets: field(form, "target").split(" ") },
        });
        if (!response.ok) {
            throw new Refused(words(error));
        }
        // Where the new one is, as any client may follow it.
        const started = await fetch(response.headers.get("Location")!, { credentials: "include" });
        text("#audits", ((await started.json()) as Audit).status);
        await list();
    });
    on("#export", "click", async () => {
        const audits = await must(api.GET("/audits/", { params: { query: { status: "completed" } } }));
        await download(audits.results[0]!);
    });
    on("#upgrade", "click", async () => {
        location.assign((await must(api.POST("/billing/checkout-session/", { body: {} }))).checkout_url);
    });
    on("#manage", "click", async () => {
        location.assign((await must(api.POST("/billing/portal-session/"))).portal_url);
    });
    on("#invite", "submit", async form => {
        const made = await must(api.POST("/organizations/{org}/invites/", {
            params: { path: { org: org.id } }, body: { email: field(form, "email"), role: field(form, "role") as "MEMBER" | "VIEWER" },
        }));
        text("#invited", made.invite_url);
    });
    on("#found", "click", async () => {
        await must(api.POST("/organizations/", { body: { name: "Second" } }));
        await start();
    });
    on("#logout", "click", async () => {
        await must(api.POST("/auth/logout/"));
        organization = "";
        guest();
    });
    const [members, subscription] = await Promise.all([
        must(api.GET("/organizations/{org}/members/", { params: { path: { org: org.id } } })), must(api.GET("/billing/subscription/")), list(),
    ]);
    text("#team", members.results.map(member => `${member.user.email} ${member.role}`).join(", "));
    text("#subscription", [
        subscription.status, subscription.stripe_status, subscription.price,
        subscription.grace?.running ? `grace until ${subscription.grace.ends_at}` : "",
        subscription.cancel_scheduled ? `ends ${subscription.ends_at}` : "",
    ].filter(Boolean).join(", "));
    text("#organizations", `member of ${profile.memberships.length}`);
}

// Stripe sends people back before its webhook may have arrived.
async function returned(session_id: string): Promise<void> {
    show("<p>Waiting for the payment…</p>");
    for (let attempt = 0; attempt < 100; attempt++) {
        const checkout = await must(api.GET("/billing/return/", { params: { query: { session_id } } }));
        if (checkout.webhook_received && checkout.has_active_subscription) {
            history.replaceState(null, "", "/");
            return start();
        }
        await new Promise(go => setTimeout(go, 100));
    }
    text("#said", "the payment has not arrived");
}

async function start(): Promise<void> {
    const query = new URLSearchParams(location.search);
    const { data, response } = await api.GET("/auth/me/");
    if (response.status === 401) {
        await (location.pathname === "/invite" ? invited(query.get("token") ?? "") : Promise.resolve(guest()));
    }
    else if (data) {
        await (location.pathname === "/billing/return" ? returned(query.get("session_id") ?? "") : home(data));
    }
}

start().catch(error => {
    console.error(error);
    show("<p>failed</p>");
});
