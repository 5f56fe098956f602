// Hosts of the organization's own: which there are, whether an audit has found the proof, and how the proof is put there.
import { useState } from "preact/hooks";

import { api, type AuditHost, must } from "../api";
import { mayWrite, membership, orgPath } from "../organization";
import { moment, t } from "../text";
import { Badge, Copy, Dialog, Field, Form, Link, More, Page, Refusal, Show, useAction, usePages } from "../ui";

const FILE = "/.well-known/mod-saas.txt", RECORD = "_mod-saas.";

function Remove({ host, changed }: { host: AuditHost; changed: () => void }) {
    const [asked, ask] = useState(false);
    const { busy, problem, run } = useAction(async () => {
        await must(api.DELETE("/audits/hosts/{audit_host}/", { params: { path: { audit_host: host.id } } }));
        ask(false);
        changed();
    });
    return <>
        <button type="button" class="quiet" aria-label={`${t.removeHost}: ${host.host}`} onClick={() => ask(true)}>{t.removeHost}</button>
        {asked && <Dialog title={t.removeHost} close={() => ask(false)}>
            <p>{t.removeHostLead(host.host)}</p>
            {problem && <Refusal problem={problem} />}
            <button type="button" class="danger" aria-disabled={busy} data-busy={busy} onClick={() => !busy && run()}>{t.removeHost}</button>
        </Dialog>}
    </>;
}

function Host({ host, changed }: { host: AuditHost; changed: () => void }) {
    return <section class="card">
        <h2>{host.host}</h2>
        <p class="row"><Badge kind={host.proved_at ? "active" : "manual"}>{host.proved_at ? t.hostProved : t.hostUnproved}</Badge>
            <span class="muted">{host.proved_at ? t.hostProvedAt(moment(host.proved_at)) : t.hostAdded(moment(host.created_at))}</span></p>
        <details open={!host.proved_at}><summary>{t.hostHow}</summary>
            <ol class="steps"><li>{t.hostFile} <a href={`https://${host.host}${FILE}`} target="_blank" rel="noopener noreferrer">{`https://${host.host}${FILE}`}</a>{t.hostRecord} <code>{RECORD + host.host}</code></li>
                <li>{t.hostLine}<Copy label={t.hostToken(host.host)} text={host.token} /></li>
                <li>{mayWrite() ? <Link to={orgPath(`audits?targets=${encodeURIComponent(host.host)}`)}>{t.hostAudit}</Link> : t.hostAudit}</li></ol>
        </details>
        {mayWrite() && <p><Remove host={host} changed={changed} /></p>}
    </section>;
}

export function Hosts() {
    const { organization } = membership();
    const hosts = usePages((page, signal) => must(api.GET("/audits/hosts/", { params: { query: { page } }, signal })), [organization.id]);
    return <Page title={t.hosts} lead={t.hostsLead}>
        {mayWrite() && <Form class="card" submit={t.addHost} send={async ({ host = "" }, form) => {
            await must(api.POST("/audits/hosts/", { body: { host: host.trim() } }));
            form.reset();
            hosts.reload();
        }}><Field name="host" label={t.host} hint={t.hostHint} spellcheck={false} /></Form>}
        <Show of={hosts}>{rows => rows.length ? <div class="stack">{rows.map(host => <Host key={host.id} host={host} changed={hosts.reload} />)}</div>
            : <p class="muted">{t.noHosts}</p>}</Show>
        <More left={hosts.left} busy={hosts.busy} more={hosts.more} />
    </Page>;
}
