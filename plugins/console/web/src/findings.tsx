// What an audit found. Only the rows in sight are in the document, and they come by pages as somebody reads, forward and backward:
// a million of them scroll as twenty do. By keyboard it is one stop of Tab, with arrows, Page up and down, Home, End and Enter.
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Audit, Evidence } from "./api";
import { checksOf } from "./checks";
import { Details } from "./finding";
import { mayWrite } from "./organization";
import { setQuery, usePlace } from "./router";
import { type Book, type End, type Order, ORDERS, useBook } from "./rows";
import { number, t } from "./text";
import { DecideAll, type Filter } from "./triage";
import { Badge, Done, Refusal } from "./ui";

const ROW = 64;        // px, as in the sheet
const MARGIN = 6;      // rows in the document above and below what is in sight
const MOST = 10000;    // rows that can be scrolled through before the scroll is moved on
const EDGE = 100;      // rows before its ends where that is done
const TYPING = 150;    // ms without a key until a search is asked

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

/* The order that an address names. */
function orderOf(query: URLSearchParams): Order {
    return ORDERS.find(one => one === query.get("ordering")) ?? "id";
}

/* By a check's whole name: those that the engine knows are offered, asked for when somebody comes to the field. */
function CheckFilter({ filter: { check = "" }, audit, set }: { filter: Filter; audit: Audit; set: (value: string) => void }) {
    const field = useRef<HTMLInputElement>(null), list = useId();
    const [names, setNames] = useState<string[]>([]);
    useEffect(() => {
        if (field.current!.value.trim() !== check) {
            field.current!.value = check;
        }
    }, [check]);
    const take = (value: string, whole: boolean) => {
        if (value !== check && (whole || value === "" || names.includes(value))) {
            set(value);
        }
    };
    return <label>{t.check} <input ref={field} name="check" type="search" list={list} spellcheck={false} defaultValue={check}
        onFocus={() => checksOf(audit.engine).then(checks => setNames([...checks.keys()]), () => undefined)}
        onInput={event => take(event.currentTarget.value.trim(), false)} onChange={event => take(event.currentTarget.value.trim(), true)} />
        <datalist id={list}>{names.map(name => <option key={name} value={name} />)}</datalist></label>;
}

function Filters({ filter, order, audit }: { filter: Filter; order: Order; audit: Audit }) {
    const timer = useRef(0);
    const set = (name: keyof Filter | "ordering", value: string) => {
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
        <CheckFilter filter={filter} audit={audit} set={value => set("check", value)} />
        <label>{t.search} <input name="search" type="search" defaultValue={filter.search ?? ""} onInput={event => {
            const { value } = event.currentTarget;
            clearTimeout(timer.current);
            timer.current = setTimeout(() => set("search", value.trim()), TYPING);
        }} /></label>
        <label>{t.muted} <select name="muted" onChange={event => set("muted", event.currentTarget.value)}>
            <option value="">{t.all}</option>
            {MUTED.map(one => <option key={one} value={one} selected={one === filter.muted}>{t.mutedOrNot[one]}</option>)}
        </select></label>
        <label>{t.ordering} <select name="ordering" onChange={event => set("ordering", event.currentTarget.value)}>
            {ORDERS.map(one => <option key={one} value={one === "id" ? "" : one} selected={one === order}>{t.orders[one]}</option>)}
        </select></label>
        {filter.resource_id && <button type="button" onClick={() => set("resource_id", "")}>{t.onlyCheck(filter.resource_id)} ×</button>}
    </form>;
}

/* What is in sight: the scroll's top and height in px, and the coordinate of the row that the scroll begins with. Browsers do not
 * scroll through as many px as a million rows have, so it is moved on from time to time, and the scroll's top with it. */
interface View {
    base: number;
    top: number;
    height: number;
}

function moved(book: Book, { base, top, height }: View): number {
    const first = base + Math.floor(top / ROW), last = base + Math.ceil((top + height) / ROW);
    return last > base + MOST - EDGE && base + MOST < book.highest ? Math.min(book.highest - MOST, base + MOST / 2)
        : first < base + EDGE && base > book.lowest ? Math.max(book.lowest, base - MOST / 2) : base;
}

function Row({ at, finding, top, stop, place, open, focused }: {
    at: number; finding: Evidence | undefined; top: number; stop: boolean; place: number; open: (finding: Evidence) => void; focused: () => void;
}) {
    return <div role="row" data-at={at} aria-rowindex={place + 2} aria-busy={!finding} tabIndex={stop ? 0 : -1} style={{ top: `${top}px` }} onFocusIn={focused}
        onKeyDown={event => {
            if (finding && event.target === event.currentTarget && (event.key === "Enter" || event.key === " ")) {
                event.preventDefault();
                open(finding);
            }
        }}>
        {finding ? <>
            <span role="gridcell"><Badge kind={finding.status}>{t.findingStatus[finding.status]}</Badge>{finding.triage?.muted && <Badge kind="muted">{t.muted}</Badge>}</span>
            <span role="gridcell"><Badge kind={finding.severity}>{t.severities[finding.severity]}</Badge></span>
            <span role="gridcell"><button type="button" class="quiet" tabIndex={-1} onClick={() => open(finding)}>{finding.check_name}</button></span>
            <span role="gridcell">{finding.resource_id}</span>
            <span role="gridcell">{finding.comment}</span>
        </> : <span role="gridcell" class="muted">{t.loading}</span>}
    </div>;
}

function Table({ book, version, open, reopen }: { book: Book; version: number; open: (finding: Evidence) => void; reopen: (from: End) => void }) {
    const box = useRef<HTMLDivElement>(null), body = useRef<HTMLDivElement>(null);
    const [view, setView] = useState<View>({ base: 0, top: 0, height: 600 }), now = useRef(view);
    const [active, setActive] = useState<number>();
    // What is to be done when the document has what was decided: where to scroll to, and that a row gets the focus, at once or
    // when the rows have come that a key has asked for.
    const scroll = useRef<{ base: number; top: number }>(), focus = useRef<number>(), follow = useRef(false), shown = useRef<Book>();
    now.current = view;
    const look = () => {
        // A scroll may be told of when the box has gone.
        if (!box.current) {
            return;
        }
        const { clientHeight: height } = box.current, seen = { base: now.current.base, top: box.current.scrollTop, height };
        const base = moved(book, seen), top = seen.top + (seen.base - base) * ROW;
        if (base !== seen.base) {
            scroll.current = { base, top };
        }
        setView(now.current = { base, top, height });
    };
    // Other rows: from their own beginning. More of the same: there may be more to scroll.
    useLayoutEffect(() => {
        if (shown.current === book) {
            look();
            return;
        }
        const height = box.current!.clientHeight, base = Math.max(book.lowest, -MOST), rows = Math.min(book.known, MOST);
        focus.current = follow.current ? (book.from === "start" ? 0 : -1) : undefined;
        setActive(focus.current);
        follow.current = false;
        shown.current = book;
        scroll.current = { base, top: book.from === "start" ? 0 : rows * ROW };
        setView(now.current = { base, top: book.from === "start" ? 0 : Math.max(0, rows * ROW - height), height });
    }, [book, version]);
    useLayoutEffect(() => {
        if (scroll.current?.base === view.base) {
            box.current!.scrollTop = scroll.current.top;
            scroll.current = undefined;
        }
        const row = focus.current !== undefined && box.current!.querySelector<HTMLElement>(`[data-at="${focus.current}"]`);
        if (row) {
            row.focus({ preventScroll: true });
            focus.current = undefined;
        }
    });
    const seen = { first: view.base + Math.floor(view.top / ROW), last: view.base + Math.ceil((view.top + view.height) / ROW) };
    useEffect(() => book.need(seen.first, seen.last), [book, version, seen.first, seen.last]);
    const end = Math.min(book.highest, view.base + MOST), rows: number[] = [];
    for (let at = Math.max(view.base, book.lowest, seen.first - MARGIN); at < Math.min(end, seen.last + MARGIN); at++) {
        rows.push(at);
    }
    // One row is Tab's, and stays in the document while it has the focus, wherever the rest is scrolled to.
    if (active !== undefined && active >= view.base && active < end && !rows.includes(active)) {
        rows.push(active);
    }
    const stop = active !== undefined && rows.includes(active) ? active : Math.min(Math.max(seen.first, view.base), end - 1);
    const go = (to: number) => {
        const at = Math.max(book.lowest, Math.min(book.highest - 1, to)), head = body.current!.offsetTop, top = (at - now.current.base) * ROW;
        const { scrollTop, clientHeight } = box.current!;
        focus.current = at;
        setActive(at);
        box.current!.scrollTop = Math.max(Math.min(scrollTop, top), top + ROW + head - clientHeight);
    };
    const press = (event: KeyboardEvent) => {
        const page = Math.max(1, Math.floor(view.height / ROW) - 1), from = active ?? stop;
        const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
        const step = steps[event.key], edge: End | undefined = event.key === "Home" ? "start" : event.key === "End" ? "end" : undefined;
        if (step !== undefined) {
            go(from + step);
        }
        else if (edge && (book.ended || book.from === edge)) {
            go(edge === "start" ? book.lowest : book.highest - 1);
        }
        else if (edge) {
            follow.current = true;
            reopen(edge);
        }
        else {
            return;
        }
        event.preventDefault();
    };
    const [first, last] = [Math.max(seen.first, book.lowest), Math.min(seen.last, book.highest) - 1];
    return <>
        <p class="row"><span class="muted">{t.rowsInSight(number(book.place(first) + 1), number(book.place(last) + 1), book.total === undefined ? "" : number(book.total))}</span>
            {(!book.ended || book.known * ROW > view.height) && <>
                <button type="button" class="quiet" onClick={() => reopen("start")}>{t.toFirst}</button>
                <button type="button" class="quiet" onClick={() => reopen("end")}>{t.toLast}</button></>}</p>
        <div class="grid" ref={box} role="grid" aria-labelledby="findings" aria-rowcount={book.total === undefined ? -1 : book.total + 1} onScroll={look} onKeyDown={press}>
            <div role="rowgroup" class="gridhead"><div role="row" aria-rowindex={1}>
                {[t.status, t.severity, t.check, t.resource, t.comment].map(text => <span key={text} role="columnheader">{text}</span>)}</div></div>
            <div role="rowgroup" class="gridbody" ref={body} style={{ height: `${(end - view.base) * ROW}px` }}>
                {rows.map(at => <Row key={at} at={at} finding={book.row(at)} top={(at - view.base) * ROW} stop={at === stop} place={book.place(at)}
                                     open={open} focused={() => setActive(at)} />)}
            </div>
        </div>
    </>;
}

export function Findings({ audit }: { audit: Audit }) {
    const { query } = usePlace(), filter = filterOf(query), order = orderOf(query);
    const { book, version, reopen } = useBook(audit, filter, order);
    const [open, setOpen] = useState<Evidence>(), [many, setMany] = useState(false), [changed, setChanged] = useState<number>();
    // What was done to others is no word about these.
    useEffect(() => setChanged(undefined), [JSON.stringify(filter)]);
    return <section class="findings">
        <h2 id="findings">{t.findings}</h2>
        <Filters filter={filter} order={order} audit={audit} />
        <p class="muted" role="status">{book && (book.total === undefined ? t.firstFindings(number(book.known)) : t.allFindings(book.total, number(book.total)))}</p>
        {book?.problem && <Refusal problem={book.problem} again={() => book.again()} />}
        {mayWrite() && Object.keys(filter).length > 0 && book && book.known > 0
            && <p><button type="button" onClick={() => setMany(true)}>{t.decideAll}</button></p>}
        {changed !== undefined && <Done><p>{t.changedAll(changed, number(changed))}</p></Done>}
        {book && book.known > 0 && <Table book={book} version={version} open={setOpen} reopen={reopen} />}
        {open && <Details audit={audit} finding={open} close={() => setOpen(undefined)} only={(name, value) => {
            const query = new URLSearchParams(location.search);
            query.set(name, value);
            setOpen(undefined);
            setQuery(query);
        }} changed={finding => {
            setOpen(finding);
            book?.decided(finding);
        }} />}
        {many && <DecideAll audit={audit.id} filter={filter} close={() => setMany(false)} changed={count => {
            setMany(false);
            setChanged(count);
            reopen("start");
        }} />}
    </section>;
}
