"use strict";

const $ = selector => document.querySelector(selector);
let organization = null;

async function call(method, path, body) {
    const reply = await fetch("/api/v1/" + path, {
        method,
        headers: { ...(body ? { "Content-Type": "application/json" } : {}), ...(organization ? { "X-Organization-ID": organization } : {}) },
        body: body ? JSON.stringify(body) : undefined,
    });
    const value = reply.status === 204 ? null : await reply.json();
    if (!reply.ok) {
        throw new Error(value.detail || Object.entries(value).map(([field, texts]) => `${field}: ${texts}`).join(" "));
    }
    return value;
}

function say(text) {
    $(".said").textContent = text;
}

function guarded(work) {
    return event => {
        event.preventDefault();
        say("");
        work(event).catch(error => say(error.message));
    };
}

function cell(row, content) {
    row.insertCell().append(content);
}

async function exportAudit(id) {
    const reply = await fetch(`/api/v1/audits/${id}/export/csv/`);
    if (!reply.ok) {
        throw new Error((await reply.json()).detail);
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await reply.blob());
    link.download = /filename="([^"]+)"/.exec(reply.headers.get("Content-Disposition"))[1];
    link.click();
    URL.revokeObjectURL(link.href);
}

async function listAudits() {
    const audits = (await call("GET", "audits/?ordering=-created_at")).results;
    const rows = $("#audits tbody");
    rows.replaceChildren();
    for (const audit of audits) {
        const row = rows.insertRow();
        cell(row, new Date(audit.created_at).toLocaleString());
        cell(row, (audit.targets || []).join(" "));
        cell(row, audit.status);
        cell(row, audit.score ?? "");
        const button = document.createElement("button");
        button.textContent = "Export CSV";
        button.disabled = audit.status !== "completed";
        button.addEventListener("click", guarded(() => exportAudit(audit.id)));
        cell(row, button);
    }
    if (audits.some(audit => audit.status === "queued" || audit.status === "running")) {
        setTimeout(() => listAudits().catch(error => say(error.message)), 1000);
    }
}

async function show() {
    const organizations = (await fetch("/api/v1/organizations/"));
    const known = organizations.ok;
    $("#login").hidden = known;
    $("#me").hidden = $("#audits").hidden = !known;
    if (!known) {
        return;
    }
    const me = await call("GET", "auth/me/");
    const org = (await organizations.json()).results[0];
    const detail = await call("GET", `organizations/${org.id}/`);
    organization = org.id;
    $("#organization").textContent = detail.name;
    $("#email").textContent = me.email;
    $("#role").textContent = detail.role;
    $("#status").textContent = detail.subscription_status;
    $("#upgrade").hidden = detail.has_active_subscription;
    $("#manage").hidden = !detail.stripe_customer_id;
    await listAudits();
}

$("#login form").addEventListener("submit", guarded(async event => {
    await call("POST", "auth/login/", Object.fromEntries(new FormData(event.target)));
    await show();
}));
$("#logout").addEventListener("click", guarded(async () => {
    await call("POST", "auth/logout/");
    organization = null;
    await show();
}));
$("#upgrade").addEventListener("click", guarded(async () => {
    location.href = (await call("POST", "billing/checkout-session/", {})).checkout_url;
}));
$("#manage").addEventListener("click", guarded(async () => {
    location.href = (await call("POST", "billing/portal-session/", {})).portal_url;
}));
$("#start").addEventListener("submit", guarded(async event => {
    await call("POST", "audits/start/", { targets: [new FormData(event.target).get("target")] });
    await listAudits();
}));
$("#start").elements.target.value = location.origin + "/";
show().catch(error => say(error.message));
