// One finding: what was seen, what it means and what mends it, and what people have decided about it.
import type { Audit, Evidence } from "./api";
import { checksOf } from "./checks";
import { mayWrite } from "./organization";
import { moment, t } from "./text";
import { Decide, Decided } from "./triage";
import { Badge, Dialog, Show, useLoad } from "./ui";

/* Only where a browser may be sent; the text is an engine's. */
function webAddress(text: string | null): string | undefined {
    return text && /^https?:\/\//i.test(text) && URL.canParse(text) ? text : undefined;
}

function Lines({ server, lines }: { server: string; lines: string | null }) {
    return lines ? <><h4>{server}</h4><pre tabIndex={0} aria-label={t.linesFor(server)}>{lines}</pre></> : null;
}

/* In the words of the engine. */
function Explanation({ audit, finding }: { audit: Audit; finding: Evidence }) {
    const check = useLoad(async () => (await checksOf(audit.engine)).get(finding.check_name) ?? null, [audit.engine, finding.check_name]);
    return <Show of={check}>{known => {
        if (!known) {
            return <p class="muted">{t.noExplanation}</p>;
        }
        const reference = webAddress(known.reference);
        return <>
            {known.meaning && <><h3>{t.whatItMeans}</h3><p>{known.meaning}</p></>}
            {known.remediation && <><h3>{t.whatMends}</h3><p>{known.remediation}</p></>}
            <Lines server="httpd" lines={known.configuration.httpd} />
            <Lines server="nginx" lines={known.configuration.nginx} />
            {reference && <p><a href={reference} target="_blank" rel="noopener noreferrer">{t.reference(new URL(reference).host)}</a></p>}
        </>;
    }}</Show>;
}

export function Details({ audit, finding, only, changed, close }: {
    audit: Audit; finding: Evidence; only: (name: "check" | "resource_id", value: string) => void; changed: (finding: Evidence) => void; close: () => void;
}) {
    return <Dialog title={finding.check_name} close={close}>
        <p class="row"><Badge kind={finding.status}>{t.findingStatus[finding.status]}</Badge><Badge kind={finding.severity}>{t.severities[finding.severity]}</Badge>
            {finding.triage.muted && <Badge kind="muted">{t.muted}</Badge>}</p>
        <dl class="facts"><dt>{t.resource}</dt><dd>{finding.resource_id}</dd><dt>{t.seen}</dt><dd>{finding.comment || "–"}</dd>
            <dt>{t.time}</dt><dd>{moment(finding.timestamp) || "–"}</dd></dl>
        <p class="row"><button type="button" onClick={() => only("check", finding.check_name)}>{t.allOfCheck}</button>
            <button type="button" onClick={() => only("resource_id", finding.resource_id)}>{t.allOfResource}</button></p>
        <Explanation audit={audit} finding={finding} />
        <h3>{t.decision}</h3>
        <p class="muted">{t.decisionLead}</p>
        <Decided triage={finding.triage} />
        {!finding.triage.updated_at && !mayWrite() && <p>{t.noDecision}</p>}
        {mayWrite() && <Decide audit={audit.id} finding={finding} changed={changed} />}
    </Dialog>;
}
