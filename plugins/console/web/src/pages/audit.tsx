// One audit: how far it is, what came of it, and all that was found.
import { useEffect, useState } from "preact/hooks";

import { api, type Audit, type AuditImport, must } from "../api";
import { Export } from "../export";
import { Findings } from "../findings";
import { Import } from "../import";
import { isAdmin, mayWrite, orgPath } from "../organization";
import { navigate } from "../router";
import { Explained } from "../score";
import { moment, number, percent, t } from "../text";
import { Badge, Dialog, Link, Page, Refusal, Show, useAction, useLoad } from "../ui";

const AGAIN = 1000;
const IMPORT = "import";   // the engine whose audits are made of files, and which counts hundredths
const SEVERITIES = ["critical", "high", "medium", "low", "informational"] as const;

function runs(audit: Audit): boolean {
    return audit.status === "queued" || audit.status === "running";
}

function Cancel({ audit, changed }: { audit: Audit; changed: (audit: Audit) => void }) {
    const { busy, problem, run } = useAction(async () => changed(await must(api.POST("/audits/{audit}/cancel/", { params: { path: { audit: audit.id } } }))));
    return <><button type="button" aria-disabled={busy} onClick={() => !busy && run()}>{t.cancelAudit}</button>{problem && <Refusal problem={problem} />}</>;
}

function Remove({ audit }: { audit: Audit }) {
    const [asked, ask] = useState(false);
    const { busy, problem, run } = useAction(async () => {
        await must(api.DELETE("/audits/{audit}/", { params: { path: { audit: audit.id } } }));
        navigate(orgPath("audits"), { replace: true });
    });
    return <>
        <button type="button" class="quiet" onClick={() => ask(true)}>{t.deleteAudit}</button>
        {asked && <Dialog title={t.deleteAudit} close={() => ask(false)}>
            <p>{t.deleteAuditLead(audit.name || audit.targets.join(" "))}</p>
            {problem && <Refusal problem={problem} />}
            <button type="button" class="danger" aria-disabled={busy} onClick={() => !busy && run()}>{t.deleteForGood}</button>
        </Dialog>}
    </>;
}

/* What became of a file, and which of its records could not be read. */
function Imported({ one }: { one: AuditImport }) {
    return <div class={one.error ? "notice bad" : "notice"}>
        <p>{one.file ?? t.file} ({t.formats[one.format as keyof typeof t.formats] ?? one.format}): {one.error
            ?? t.imported(number(one.added), number(one.duplicates), number(one.skipped), number(one.bad))}</p>
        {one.problems.length > 0 && <details><summary>{t.badRecords(one.problems.length, number(one.problems.length), number(one.bad))}</summary>
            <ul>{one.problems.map(problem => <li key={problem.where + problem.what}>{problem.where}: {problem.what}</li>)}</ul></details>}
    </div>;
}

function Standing({ audit }: { audit: Audit }) {
    const { done, total } = audit.progress;
    return <>
        <p class="row"><Badge kind={audit.status}>{t.auditStatus[audit.status]}</Badge>
            <span class="muted">{t.started}: {moment(audit.started_at ?? audit.created_at)}{audit.finished_at && ` · ${t.finished}: ${moment(audit.finished_at)}`}</span>
            {audit.schedule && <Link to={orgPath("audits/schedules")}>{t.bySchedule}</Link>}</p>
        {/* Read aloud when the state changes, not with every step of it. */}
        <p class="unseen" role="status">{t.auditStatus[audit.status]}</p>
        {runs(audit) && <p class="row"><progress value={total ? done : undefined} max={total || 1} aria-label={t.progress} /> {total > 0 && (audit.engine === IMPORT ? percent(done / total) : `${number(done)} / ${number(total)}`)}</p>}
        {audit.error && <div class="notice bad"><p>{audit.error}</p></div>}
        {audit.imports?.map((one, index) => <Imported key={index} one={one} />)}
        {audit.status === "completed" && <div class="cards">
            <section class="card"><h2>{t.score}</h2><p class="score">{audit.score === null ? "–" : number(audit.score)}<small> / 100</small>{audit.score_details && <> <span class="grade">{audit.score_details.grade}</span></>}</p>
                {audit.score === null && <p class="muted">{t.noScore}</p>}</section>
            <section class="card"><h2>{t.results}</h2><dl class="facts">
                {(["FAIL", "PASS", "MANUAL", "ERROR"] as const).map(status => [<dt key={status + 1}>{t.findingStatus[status]}</dt>,
                    <dd key={status}>{number(audit.counts.status[status])}</dd>])}</dl></section>
            <section class="card"><h2>{t.checkedBySeverity}</h2><dl class="facts">
                {SEVERITIES.map(severity => [<dt key={severity + 1}>{t.severities[severity]}</dt>,
                    <dd key={severity}>{number(audit.counts.severity[severity])}</dd>])}</dl></section>
        </div>}
        {audit.score_details && <Why audit={audit} />}
    </>;
}

/* Its checks are asked for when somebody wants to know. */
function Why({ audit }: { audit: Audit }) {
    const [open, setOpen] = useState(false);
    return <details class="card why" onToggle={event => setOpen(event.currentTarget.open)}><summary>{t.scoreWhy}</summary>
        {open && <Explained audit={audit} />}</details>;
}

export function OneAudit({ args: [, id = ""] }: { args: string[] }) {
    const audit = useLoad(signal => must(api.GET("/audits/{audit}/", { params: { path: { audit: id } }, signal })), [id]);
    const now = audit.data;
    useEffect(() => {
        const timer = now && runs(now) ? setTimeout(audit.reload, AGAIN) : 0;
        return () => clearTimeout(timer);
    }, [now]);
    return <Page title={now ? now.name || t.audit : t.audit} {...now ? { lead: now.targets.join(" ") } : {}} actions={now && <div class="row">
        {runs(now) && mayWrite() && <Cancel audit={now} changed={audit.set} />}
        {!runs(now) && isAdmin() && <Remove audit={now} />}
    </div>}>
        <Show of={audit}>{found => <>
            <Standing audit={found} />
            {!runs(found) && found.engine === IMPORT && mayWrite() && <Import audit={found} added={audit.set} />}
            {!runs(found) && <><Export audit={found} /><Findings audit={found} /></>}
        </>}</Show>
    </Page>;
}
