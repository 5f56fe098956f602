// How an organization stands: the last score and those before it, what has been found, the last audits, what to do next.
import { api, type Audit, must } from "../api";
import { isAdmin, mayWrite, membership, orgPath } from "../organization";
import { number, t } from "../text";
import { Link, Page, Show, useLoad } from "../ui";
import { AuditTable } from "./audits";

const SEVERITIES = ["critical", "high", "medium", "low", "informational"] as const;

/* Scores over time, the last on the right. A picture of what the table below it says. */
function History({ audits }: { audits: Audit[] }) {
    const scores = audits.filter(audit => audit.score !== null).slice(0, 12).reverse();
    if (scores.length < 2) {
        return null;
    }
    const at = (audit: Audit, index: number) => [4 + index * 192 / (scores.length - 1), 56 - (audit.score ?? 0) / 100 * 52] as const;
    return <svg class="history" viewBox="0 0 200 60" role="img" aria-label={t.scoreHistory(scores.map(audit => number(audit.score!)).join(", "))}>
        <path d={scores.map((audit, index) => (index ? "L" : "M") + at(audit, index).join(" ")).join("")} />
        {scores.map((audit, index) => <circle key={audit.id} cx={at(audit, index)[0]} cy={at(audit, index)[1]} r="2.5" />)}
    </svg>;
}

function Bars({ audit }: { audit: Audit }) {
    const counts = audit.counts.severity, most = Math.max(1, ...SEVERITIES.map(severity => counts[severity]));
    return <dl class="bars">
        {SEVERITIES.map(severity => <div key={severity}>
            <dt>{t.severities[severity]}</dt>
            <dd><meter class={severity} min={0} max={most} value={counts[severity]} aria-hidden="true" /> {number(counts[severity])}</dd>
        </div>)}
    </dl>;
}

function Standing({ audits }: { audits: Audit[] }) {
    const last = audits.find(audit => audit.status === "completed");
    if (!last) {
        return null;
    }
    return <div class="cards">
        <section class="card"><h2>{t.score}</h2>
            <p class="score">{last.score === null ? "–" : number(last.score)}<small> / 100</small></p>
            <History audits={audits.filter(audit => audit.status === "completed")} /></section>
        <section class="card"><h2>{t.checkedBySeverity}</h2><Bars audit={last} /></section>
    </div>;
}

/* What to do next, each step with its page. */
function Next({ audits, alone }: { audits: Audit[]; alone: boolean }) {
    const paid = membership().has_active_subscription;
    const steps: [text: string, path: string][] = [
        ...!audits.length && mayWrite() ? [[t.nextFirst, "audits"] as [string, string]] : [],
        ...isAdmin() && alone ? [[t.nextInvite, "team"] as [string, string]] : [],
        ...audits.length && !paid && isAdmin() ? [[t.nextUpgrade, "billing"] as [string, string]] : [],
    ];
    return <>
        {steps.length > 0 && <section class="card"><h2>{t.whatNext}</h2><ul>{steps.map(([text, path]) => <li key={path}><Link to={orgPath(path)}>{text}</Link></li>)}</ul></section>}
        {!audits.length && !mayWrite() && <p class="muted">{t.nextWait}</p>}
    </>;
}

export function Overview() {
    const { organization } = membership();
    const all = useLoad(async signal => {
        const [{ results }, { members }] = await Promise.all([
            must(api.GET("/audits/", { params: { query: { page_size: 20, ordering: "-created_at" } }, signal })),
            must(api.GET("/organizations/{org}/", { params: { path: { org: organization.id } }, signal })),
        ]);
        return { results, alone: members === 1 };
    }, [organization.id]);
    return <Page title={organization.name}>
        <Show of={all}>{({ results, alone }) => <>
            <Next audits={results} alone={alone} />
            <Standing audits={results} />
            {results.length > 0 && <section><h2>{t.lastAudits}</h2><AuditTable audits={results.slice(0, 5)} /></section>}
        </>}</Show>
    </Page>;
}

