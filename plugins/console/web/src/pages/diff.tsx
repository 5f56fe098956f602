// Two audits compared: what is new, fixed, unclear or unchanged from the earlier one to the later.
import { api, type Audit, type FindingChange, must } from "../api";
import { orgPath } from "../organization";
import { setQuery, usePlace } from "../router";
import { moment, number, t } from "../text";
import { Badge, Link, More, Page, Show, useLoad, usePages } from "../ui";

const CHANGES = ["new", "fixed", "unclear", "unchanged"] as const;
const SEVERITIES = ["critical", "high", "medium", "low", "informational"] as const;
const MUTED = ["false", "true"] as const;

function set(name: string, value: string): void {
    const query = new URLSearchParams(location.search);
    value ? query.set(name, value) : query.delete(name);
    setQuery(query);
}

function Head({ of: [before, after] }: { of: [Audit, Audit] }) {
    const row = (audit: Audit, which: string) => <tr key={which}><th scope="row">{which}</th>
        <td class="long"><Link to={orgPath(`audits/${audit.id}`)}>{audit.name || audit.targets.join(" ") || audit.engine}</Link></td>
        <td>{moment(audit.created_at)}</td><td>{audit.score === null ? "–" : number(audit.score)}</td></tr>;
    const same = before.engine === after.engine && [...before.targets].sort().join() === [...after.targets].sort().join();
    return <>
        <div class="scroll" role="region" aria-label={t.audits} tabIndex={0}><table>
            <thead><tr><td /><th scope="col">{t.audit}</th><th scope="col">{t.started}</th><th scope="col">{t.score}</th></tr></thead>
            <tbody>{row(before, t.diffBefore)}{row(after, t.diffAfter)}</tbody>
        </table></div>
        {!same && <div class="notice"><p>{t.diffOthers}</p></div>}
    </>;
}

function Row({ change, after }: { change: FindingChange; after: string }) {
    const status = (of: FindingChange["before"]) => of ? t.findingStatus[of.status] : t.diffNothing;
    const where = new URLSearchParams({ check: change.check_name, resource_id: change.resource_id });
    return <tr>
        <td><Badge kind={change.change}>{t.changes[change.change]}</Badge>{change.triage.muted && <> <Badge kind="muted">{t.muted}</Badge></>}</td>
        <td><Badge kind={change.severity}>{t.severities[change.severity]}</Badge></td>
        <td class="long">{change.after ? <Link to={orgPath(`audits/${after}?${where}`)}>{change.check_name}</Link> : change.check_name}</td>
        <td class="long">{change.resource_id}</td>
        <td>{status(change.before)} → {status(change.after)}</td>
    </tr>;
}

export function Diff({ args: [, earlier = "", later = ""] }: { args: string[] }) {
    const { query } = usePlace();
    const change = CHANGES.find(one => one === query.get("change")), severity = SEVERITIES.find(one => one === query.get("severity"));
    const muted = MUTED.find(one => one === query.get("muted"));
    const filter = { ...(severity ? { severity } : {}), ...(muted ? { muted } : {}) };
    const audits = useLoad(signal => Promise.all([earlier, later].map(audit =>
        must(api.GET("/audits/{audit}/", { params: { path: { audit } }, signal })))) as Promise<[Audit, Audit]>, [earlier, later]);
    const path = { audit: earlier, other: later };
    const rows = usePages((page, signal) => must(api.GET("/audits/{audit}/diff/{other}/", {
        params: { path, query: { page, page_size: 50, ...filter, ...(change ? { change } : {}) } }, signal,
    })), [earlier, later, change, severity, muted]);
    // How many of each there are, behind the rows, which somebody waits for.
    const there = rows.data !== undefined;
    const counts = useLoad(async signal => there ? Object.fromEntries(await Promise.all(CHANGES.map(async one => [one, (await must(api.GET("/audits/{audit}/diff/{other}/", {
        params: { path, query: { page_size: 1, ...filter, change: one } }, signal }))).count] as const))) as Record<typeof CHANGES[number], number> : undefined,
        [there, earlier, later, severity, muted]);
    return <Page title={t.diff}>
        <Show of={audits}>{both => <Head of={both} />}</Show>
        <div class="tabs" role="group" aria-label={t.change}>
            {[undefined, ...CHANGES].map(one => <button key={one ?? ""} type="button" aria-pressed={one === change} onClick={() => set("change", one ?? "")}>
                {one ? t.changes[one] : t.all}{one && counts.data && ` (${number(counts.data[one])})`}</button>)}
        </div>
        <div class="filters">
            <label>{t.severity} <select name="severity" onChange={event => set("severity", event.currentTarget.value)}>
                <option value="">{t.all}</option>
                {SEVERITIES.map(one => <option key={one} value={one} selected={one === severity}>{t.severities[one]}</option>)}
            </select></label>
            <label>{t.muted} <select name="muted" onChange={event => set("muted", event.currentTarget.value)}>
                <option value="">{t.all}</option>
                {MUTED.map(one => <option key={one} value={one} selected={one === muted}>{t.mutedOrNot[one]}</option>)}
            </select></label>
        </div>
        <Show of={rows}>{found => <>
            <p class="muted" role="status">{t.diffCount(rows.count, number(rows.count))}</p>
            {found.length > 0 && <div class="scroll" role="region" aria-label={t.diff} tabIndex={0}><table>
                <thead><tr>{[t.change, t.severity, t.check, t.resource, t.status].map(text => <th key={text} scope="col">{text}</th>)}</tr></thead>
                <tbody>{found.map(one => <Row key={one.check_name + "\n" + one.resource_id} change={one} after={later} />)}</tbody>
            </table></div>}
        </>}</Show>
        <More left={rows.left} busy={rows.busy} more={rows.more} />
    </Page>;
}
