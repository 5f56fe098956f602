// An organization's audits: starting one, and the list, which follows what runs.
import { useEffect, useRef, useState } from "preact/hooks";

import { answered, api, type Audit, must } from "../api";
import { Import } from "../import";
import { mayWrite, membership, orgPath } from "../organization";
import { navigate, setQuery, usePlace } from "../router";
import { moment, number, t } from "../text";
import { Badge, Field, Form, Link, More, Page, Show, TextArea, usePages } from "../ui";

const STATUSES = ["queued", "running", "completed", "failed", "canceled"] as const;
const AGAIN = 2000;

function split(text: string): string[] {
    return text.split(/[\s,]+/).filter(Boolean);
}

/* What cannot be a target, before it is sent; what is one is the API's to say. */
function hopeless(target: string): boolean {
    const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(target) ? target : `https://${target}`;
    return !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || new URL(url).username !== "";
}

function randomKey(): string {
    return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

function Start() {
    const wanted = usePlace().query.get("targets") ?? "";
    const [typed, setTyped] = useState(wanted);
    const targets = split(typed), wrong = targets.filter(hopeless);
    // Pressed twice, or again after a cut connection, it is the same audit.
    const key = useRef({ of: "", is: "" });
    return <Form key={wanted} class="card" submit={t.startAudit} send={async values => {
        const body = { targets: split(values.targets ?? ""), ...(values.name ? { name: values.name } : {}) };
        if (key.current.of !== JSON.stringify(body)) {
            key.current = { of: JSON.stringify(body), is: randomKey() };
        }
        const { data } = await answered(api.POST("/audits/start/", { params: { header: { "Idempotency-Key": key.current.is } }, body }));
        navigate(orgPath(`audits/${data!.id}`));
    }}>
        <h2>{t.newAudit}</h2>
        <TextArea name="targets" label={t.targets} rows={2} initial={wanted} onInput={event => setTyped((event.currentTarget as HTMLTextAreaElement).value)}
                  hint={<span role="status">{wrong.length ? t.notTargets(wrong.join(", ")) : targets.length ? t.someTargets(targets.length) : t.targetsHint}</span>} />
        <Field name="name" label={t.auditName} />
    </Form>;
}

export function Progress({ audit }: { audit: Audit }) {
    const { done, total } = audit.progress;
    return audit.status === "running" && total > 0
        ? <progress value={done} max={total} aria-label={t.progress} /> : null;
}

function ended(audit: Audit): boolean {
    return audit.status !== "queued" && audit.status !== "running";
}

function nameOf(audit: Audit): string {
    return audit.name || audit.targets.join(" ") || audit.engine;
}

/** With `chosen`, audits can be chosen, two at most. */
export function AuditTable({ audits, chosen, choose }: { audits: Audit[]; chosen?: Audit[]; choose?: (audits: Audit[]) => void }) {
    const is = (audit: Audit) => chosen?.some(one => one.id === audit.id) ?? false;
    return <div class="scroll" role="region" aria-label={t.audits} tabIndex={0}><table>
        <thead><tr>{chosen && <td />}<th scope="col">{t.targets}</th><th scope="col">{t.started}</th><th scope="col">{t.status}</th><th scope="col">{t.score}</th></tr></thead>
        <tbody>{audits.map(audit => <tr key={audit.id}>
            {chosen && <td><input type="checkbox" aria-label={t.compareThis(`${nameOf(audit)}, ${moment(audit.created_at)}`)} checked={is(audit)}
                disabled={!ended(audit) || (chosen.length >= 2 && !is(audit))}
                onChange={event => choose?.(event.currentTarget.checked ? [...chosen, audit] : chosen.filter(one => one.id !== audit.id))} /></td>}
            <td class="long"><Link to={orgPath(`audits/${audit.id}`)}>{nameOf(audit)}</Link></td>
            <td>{moment(audit.created_at)}</td>
            <td><Badge kind={audit.status}>{t.auditStatus[audit.status]}</Badge> <Progress audit={audit} /></td>
            <td>{audit.score === null ? "–" : number(audit.score)}</td>
        </tr>)}</tbody>
    </table></div>;
}

/* The earlier one first, whichever was chosen first. */
function Compare({ chosen }: { chosen: Audit[] }) {
    const [earlier, later] = [...chosen].sort((a, b) => a.created_at < b.created_at ? -1 : 1);
    return <p class="row" role="status">{earlier && later
        ? <Link to={orgPath(`audits/${earlier.id}/diff/${later.id}`)} class="button">{t.compare}</Link> : <span class="muted">{t.compareHint(chosen.length)}</span>}</p>;
}

export function Audits() {
    const { query } = usePlace(), { organization } = membership();
    const status = STATUSES.find(one => one === query.get("status")), schedule = query.get("schedule") ?? "";
    const set = (name: string, value: string) => {
        const changed = new URLSearchParams(location.search);
        value ? changed.set(name, value) : changed.delete(name);
        setQuery(changed);
    };
    const audits = usePages((page, signal) => must(api.GET("/audits/", {
        params: { query: { page, page_size: 50, ordering: "-created_at", ...(status ? { status } : {}), ...(schedule ? { schedule } : {}) } }, signal,
    })), [organization.id, status, schedule]);
    const [chosen, choose] = useState<Audit[]>([]);
    useEffect(() => choose([]), [organization.id]);
    const running = audits.data?.some(audit => audit.status === "queued" || audit.status === "running");
    useEffect(() => {
        const timer = running ? setInterval(() => document.visibilityState === "visible" && audits.reload(), AGAIN) : 0;
        return () => clearInterval(timer);
    }, [running]);
    return <Page title={t.audits} actions={<div class="row"><Link to={orgPath("audits/schedules")}>{t.schedules}</Link><Link to={orgPath("audits/hosts")}>{t.hosts}</Link></div>}>
        {mayWrite() && <><Start /><Import /></>}
        <div class="filters"><label>{t.status} <select onChange={event => set("status", event.currentTarget.value)}>
            <option value="">{t.all}</option>
            {STATUSES.map(one => <option key={one} value={one} selected={one === status}>{t.auditStatus[one]}</option>)}
        </select></label>
            {schedule && <button type="button" onClick={() => set("schedule", "")}>{t.onlySchedule} ×</button>}</div>
        <Show of={audits}>{rows => rows.length ? <>
            {(rows.length > 1 || chosen.length > 0) && <Compare chosen={chosen} />}
            <AuditTable audits={rows} {...rows.length > 1 || chosen.length > 0 ? { chosen, choose } : {}} />
        </> : <p class="muted">{t.noAudits}</p>}</Show>
        <More left={audits.left} busy={audits.busy} more={audits.more} />
    </Page>;
}
