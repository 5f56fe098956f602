// What an audit found. Rows come by the API's cursor, a few screens ahead of who reads, and only those in sight are in the
// document: a million of them scroll as twenty do.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { api, asProblem, type Audit, type Evidence, must, type Problem } from "./api";
import { Details } from "./finding";
import { mayWrite } from "./organization";
import { setQuery, usePlace } from "./router";
import { number, t } from "./text";
import { DecideAll, type Filter } from "./triage";
import { Badge, Done, Refusal } from "./ui";

const ROW = 64;        // px, as in the sheet
const PAGE = 200;      // rows asked for at once
const AHEAD = 100;     // rows left below when more are asked for
const MARGIN = 6;      // rows in the document above and below what is in sight
const TYPING = 250;    // ms without a key until a search is asked

const STATUSES = ["FAIL", "PASS", "MANUAL", "ERROR"] as const;
const SEVERITIES = ["critical", "high", "medium", "low", "informational"] as const;
const MUTED = ["false", "true"] as const;

/** The filter that an address names. */
export function filterOf(query: URLSearchParams): Filter {
    const status = STATUSES.find(one => one === query.get("status")), severity = SEVERITIES.find(one => one === query.get("severity"));
    const muted = MUTED.find(one => one === query.get("muted"));
    const check = query.get("check"), resource_id = query.get("resource_id"), search = query.get("search");
    return { ...(status ? { status } : {}), ...(severity ? { severity } : {}), ...(muted ? { muted } : {}), ...(check ? { check } : {}),
             ...(resource_id ? { resource_id } : {}), ...(search ? { search } : {}) };
}

interface Rows {
    rows: Evidence[];
    /** Of the next page; null: all are there. */
    next: string | null;
    problem?: Problem;
}

function useRows(audit: string, filter: Filter) {
    const [state, setState] = useState<Rows>();
    const busy = useRef<AbortController>();
    const wanted = JSON.stringify(filter);
    const ask = async (cursor: string, before: Evidence[]) => {
        busy.current?.abort();
        const control = busy.current = new AbortController();
        try {
            const page = await must(api.GET("/audits/{audit}/evidence/", {
                params: { path: { audit }, query: { ...filter, cursor, page_size: PAGE } }, signal: control.signal,
            }));
            setState({ rows: [...before, ...page.results], next: page.next && new URL(page.next).searchParams.get("cursor") });
        }
        catch (failure) {
            if (!control.signal.aborted) {
                setState({ rows: before, next: cursor, problem: asProblem(failure) });
            }
        }
        finally {
            if (busy.current === control) {
                busy.current = undefined;
            }
        }
    };
    useEffect(() => {
        ask("", []);
        return () => busy.current?.abort();
    }, [audit, wanted]);
    return {
        ...state,
        more: () => {
            if (state?.next && !busy.current && !state.problem) {
                ask(state.next, state.rows);
            }
        },
        again: () => ask(state?.next ?? "", state?.rows ?? []),
        fresh: () => ask("", []),
        /* A decision is about the check of a resource, whichever rows tell of it. */
        decided: (finding: Evidence) => setState(before => before && { ...before, rows: before.rows.map(row =>
            row.resource_id === finding.resource_id && row.check_name === finding.check_name ? { ...row, triage: finding.triage } : row) }),
    };
}

function Filters({ filter, audit }: { filter: Filter; audit: Audit }) {
    const timer = useRef(0);
    const set = (name: keyof Filter, value: string) => {
        const query = new URLSearchParams(location.search);
        value ? query.set(name, value) : query.delete(name);
        setQuery(query);
    };
    return <form class="filters" role="search" onSubmit={event => event.preventDefault()}>
        <label>{t.status} <select name="status" onChange={event => set("status", event.currentTarget.value)}>
            <option value="">{t.all}</option>
            {STATUSES.map(one => <option key={one} value={one} selected={one === filter.status}>{`${t.findingStatus[one]} (${number(audit.counts.status[one])})`}</option>)}
        </select></label>
        <label>{t.severity} <select name="severity" onChange={event => set("severity", event.currentTarget.value)}>
            <option value="">{t.all}</option>
            {SEVERITIES.map(one => <option key={one} value={one} selected={one === filter.severity}>{`${t.severities[one]} (${number(audit.counts.severity[one])})`}</option>)}
        </select></label>
        <label>{t.search} <input name="search" type="search" defaultValue={filter.search ?? ""} onInput={event => {
            const { value } = event.currentTarget;
            clearTimeout(timer.current);
            timer.current = setTimeout(() => set("search", value.trim()), TYPING);
        }} /></label>
        <label>{t.muted} <select name="muted" onChange={event => set("muted", event.currentTarget.value)}>
            <option value="">{t.all}</option>
            {MUTED.map(one => <option key={one} value={one} selected={one === filter.muted}>{t.mutedOrNot[one]}</option>)}
        </select></label>
        {filter.check && <button type="button" onClick={() => set("check", "")}>{t.onlyCheck(filter.check)} ×</button>}
        {filter.resource_id && <button type="button" onClick={() => set("resource_id", "")}>{t.onlyCheck(filter.resource_id)} ×</button>}
    </form>;
}

export function Findings({ audit }: { audit: Audit }) {
    const filter = filterOf(usePlace().query);
    const { rows, next, problem, more, again, fresh, decided } = useRows(audit.id, filter);
    const box = useRef<HTMLDivElement>(null);
    const [sight, setSight] = useState({ top: 0, height: 600 });
    const [open, setOpen] = useState<Evidence>(), [many, setMany] = useState(false), [changed, setChanged] = useState<number>();
    // A scroll may be told of when the box has gone.
    const look = () => {
        if (box.current) {
            setSight({ top: box.current.scrollTop, height: box.current.clientHeight });
        }
    };
    useEffect(() => {
        box.current?.scrollTo(0, 0);
    }, [JSON.stringify(filter)]);
    // Other rows may lie in another box, or leave less to scroll.
    useLayoutEffect(look, [rows]);
    const first = Math.max(0, Math.floor(sight.top / ROW) - MARGIN), last = Math.ceil((sight.top + sight.height) / ROW) + MARGIN;
    useEffect(() => {
        if (rows && last + AHEAD > rows.length) {
            more();
        }
    }, [last, rows]);
    return <section class="findings">
        <h2 id="findings">{t.findings}</h2>
        <Filters filter={filter} audit={audit} />
        <p class="muted" role="status">{rows && (next ? t.firstFindings(rows.length) : t.allFindings(rows.length))}</p>
        {problem && <Refusal problem={problem} again={again} />}
        {mayWrite() && Object.keys(filter).length > 0 && rows && rows.length > 0
            && <p><button type="button" onClick={() => setMany(true)}>{t.decideAll}</button></p>}
        {changed !== undefined && <Done><p>{t.changedAll(changed, number(changed))}</p></Done>}
        {rows && rows.length > 0 && <div class="grid" ref={box} role="table" aria-labelledby="findings" aria-rowcount={next ? -1 : rows.length + 1} tabIndex={0} onScroll={look}>
            <div role="rowgroup" class="gridhead"><div role="row" aria-rowindex={1}>
                {[t.status, t.severity, t.check, t.resource, t.comment].map(text => <span key={text} role="columnheader">{text}</span>)}</div></div>
            <div role="rowgroup" class="gridbody" style={{ height: `${rows.length * ROW}px` }}>
                {rows.slice(first, last).map((finding, index) => <div key={finding.id} role="row" aria-rowindex={first + index + 2} style={{ top: `${(first + index) * ROW}px` }}>
                    <span role="cell"><Badge kind={finding.status}>{t.findingStatus[finding.status]}</Badge>{finding.triage.muted && <Badge kind="muted">{t.muted}</Badge>}</span>
                    <span role="cell"><Badge kind={finding.severity}>{t.severities[finding.severity]}</Badge></span>
                    <span role="cell"><button type="button" class="quiet" onClick={() => setOpen(finding)}>{finding.check_name}</button></span>
                    <span role="cell">{finding.resource_id}</span>
                    <span role="cell">{finding.comment}</span>
                </div>)}
            </div>
        </div>}
        {open && <Details audit={audit} finding={open} close={() => setOpen(undefined)} only={(name, value) => {
            const query = new URLSearchParams(location.search);
            query.set(name, value);
            setOpen(undefined);
            setQuery(query);
        }} changed={finding => {
            setOpen(finding);
            decided(finding);
        }} />}
        {many && <DecideAll audit={audit.id} filter={filter} close={() => setMany(false)} changed={count => {
            setMany(false);
            setChanged(count);
            fresh();
        }} />}
    </section>;
}
