// How an organization stands: the last score and those before it, what has been found, the last audits, what to do next.
import { api, type Audit, must, type TrendPoint } from "../api";
import { isAdmin, mayWrite, membership, orgPath } from "../organization";
import { number, t } from "../text";
import { Link, Page, Refusal, Show, useLoad } from "../ui";
import { AuditTable } from "./audits";

const SEVERITIES = ["critical", "high", "medium", "low", "informational"] as const;
const POINTS = 12;   // of the history

/* Scores over time, the last on the right. A picture of numbers that its label tells. */
function History({ scores, of }: { scores: number[]; of: string }) {
    if (scores.length < 2) {
        return null;
    }
    const at = (score: number, index: number) => [4 + index * 192 / (scores.length - 1), 56 - score / 100 * 52] as const;
    return <>
        <svg class="history" viewBox="0 0 200 60" role="img" aria-label={t.scoreHistory(scores.map(score => number(score)).join(", "))}>
            <path d={scores.map((score, index) => (index ? "L" : "M") + at(score, index).join(" ")).join("")} />
            {scores.map((score, index) => <circle key={index} cx={at(score, index)[0]} cy={at(score, index)[1]} r="2.5" />)}
        </svg>
        <p class="muted">{t.historyOf(of)}</p>
    </>;
}

function Bars({ counts }: { counts: Record<typeof SEVERITIES[number], number> }) {
    const most = Math.max(1, ...SEVERITIES.map(severity => counts[severity]));
    return <dl class="bars">
        {SEVERITIES.map(severity => <div key={severity}>
            <dt>{t.severities[severity]}</dt>
            <dd><meter class={severity} min={0} max={most} value={counts[severity]} aria-hidden="true" /> {number(counts[severity])}</dd>
        </div>)}
    </dl>;
}

/* How the target of the last audit has fared; where that is not known, what the last audit looked at. */
function Standing({ last, trend }: { last: Audit; trend: TrendPoint[] }) {
    const [newest] = trend, target = last.targets[0] ?? "";
    return <div class="cards">
        <section class="card"><h2>{t.score}</h2>
            <p class="score">{last.score === null ? "–" : number(last.score)}<small> / 100</small>{last.score_details && <> <span class="grade">{last.score_details.grade}</span></>}</p>
            <History of={target} scores={trend.map(point => point.score).filter(score => score !== null).reverse()} /></section>
        <section class="card"><h2>{newest ? t.openBySeverity : t.checkedBySeverity}</h2><Bars counts={newest ? newest.failed : last.counts.severity} />
            {newest && <p><Link to={orgPath(`audits/${newest.audit}?status=FAIL`)}>{t.seeOpen}</Link></p>}</section>
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

/* The first target of the last audit, if it has been audited before: then there is something to compare with. */
function again(audits: Audit[]): string | undefined {
    const done = audits.filter(audit => audit.status === "completed"), [last] = done, target = last?.targets[0];
    return target && last?.engine === "web" && done.filter(audit => audit.targets.includes(target)).length > 1 ? target : undefined;
}

/* The third call, beside who somebody is and their audits: of the trend where there is one, before that of what is to be done next. */
async function third(audits: Audit[], signal: AbortSignal): Promise<{ trend: TrendPoint[]; alone: boolean }> {
    const target = again(audits), { organization } = membership();
    if (target) {
        return { alone: false, trend: (await must(api.GET("/audits/trend/", { params: { query: { target, page_size: POINTS } }, signal }))).results };
    }
    return { trend: [], alone: (await must(api.GET("/organizations/{org}/", { params: { path: { org: organization.id } }, signal }))).members === 1 };
}

export function Overview() {
    const { organization } = membership();
    const audits = useLoad(async signal => (await must(api.GET("/audits/", { params: { query: { page_size: 20, ordering: "-created_at" } }, signal }))).results, [organization.id]);
    const more = useLoad(async signal => audits.data && third(audits.data, signal), [organization.id, audits.data]);
    const last = audits.data?.find(audit => audit.status === "completed"), older = more.problem?.code === "older";
    return <Page title={organization.name}>
        <Show of={audits}>{results => <>
            {more.problem && !older && <Refusal problem={more.problem} again={more.reload} />}
            <Next audits={results} alone={more.data?.alone ?? false} />
            {last && <Standing last={last} trend={more.data?.trend ?? []} />}
            {results.length > 0 && <section><h2>{t.lastAudits}</h2><AuditTable audits={results.slice(0, 5)} /></section>}
        </>}</Show>
    </Page>;
}
