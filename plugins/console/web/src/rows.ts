// The rows of a findings table, read from either end by the API's cursor. Every page that has been seen can be had again by the
// cursor that led to it, so that only those around what is in sight stay in memory, whichever way somebody reads.
//
// Rows have coordinates that stay what they are while more is read: from the start 0, 1, 2 …, from the end -1, -2, -3 …
import { useEffect, useReducer, useState } from "preact/hooks";

import { api, asProblem, type Audit, type Evidence, must, type Problem } from "./api";
import type { Filter } from "./triage";

const PAGE = 200;      // rows of a page, the most that are had at once
const AHEAD = 100;     // rows wanted beyond those in sight
const KEEP = 20;       // pages in memory
const LONGEST_WAIT = 30;

export type End = "start" | "end";

/** What a table may be sorted by, each the other way round by its end: as it was found, the gravest first, the newest first … */
export const ORDERS = ["id", "severity", "status", "check_name", "resource_id", "-timestamp"] as const;
export type Order = typeof ORDERS[number];

/* The other way round. */
function reverse(order: Order) {
    return order === "-timestamp" ? "timestamp" : `-${order}` as const;
}

export class Book {
    /** How many rows have been seen so far. */
    known = 0;
    /** There are no others. */
    ended = false;
    problem: Problem | undefined;
    /** How many the filter finds, where that is known. */
    total: number | undefined;
    private readonly cursors = [""];
    private readonly pages = new Map<number, Evidence[]>();
    private readonly control = new AbortController();
    private busy = false;
    private timer = 0;

    constructor(private readonly audit: Audit, private readonly filter: Filter, private readonly order: Order, readonly from: End, private readonly changed: () => void) {
        this.total = Object.keys(filter).length ? undefined : audit.evidence_count;
    }

    close(): void {
        this.control.abort();
        clearTimeout(this.timer);
    }

    /** Coordinates of the first row that has been seen, and behind the last. */
    get lowest(): number {
        return this.from === "start" ? 0 : -this.known;
    }
    get highest(): number {
        return this.from === "start" ? this.known : 0;
    }

    /** The place of a row among all, from 0; where that is not known, among those that have been seen. */
    place(at: number): number {
        return this.from === "start" ? at : (this.total ?? this.known) + at;
    }

    /** Undefined: it is not in memory. */
    row(at: number): Evidence | undefined {
        const far = this.far(at);
        return this.pages.get(Math.floor(far / PAGE))?.[far % PAGE];
    }

    /** Reads what is missing around the rows from one coordinate to another. */
    need(first: number, last: number): void {
        const page = this.busy || this.problem ? undefined : this.missing(first, last);
        if (page !== undefined) {
            this.read(page);
        }
    }

    again(): void {
        clearTimeout(this.timer);
        this.problem = undefined;
        this.changed();
    }

    /** A decision is about the check of a resource, whichever rows tell of it. */
    decided({ resource_id, check_name, triage }: Evidence): void {
        this.pages.forEach(rows => rows.forEach((row, index) => {
            if (row.resource_id === resource_id && row.check_name === check_name) {
                rows[index] = { ...row, triage };
            }
        }));
        this.changed();
    }

    /* How many rows lie between one and the end that the book is read from. */
    private far(at: number): number {
        return this.from === "start" ? at : -1 - at;
    }

    private missing(first: number, last: number): number | undefined {
        const [near, far] = [this.far(first), this.far(last)].sort((a, b) => a - b) as [number, number];
        const from = Math.max(0, near - AHEAD), to = Math.min(this.known - 1, far + AHEAD);
        for (let page = Math.floor(from / PAGE); page <= Math.floor(to / PAGE); page++) {
            if (!this.pages.has(page)) {
                return page;
            }
        }
        return !this.ended && far + AHEAD >= this.known ? this.cursors.length - 1 : undefined;
    }

    private async read(page: number): Promise<void> {
        const path = { audit: this.audit.id }, { signal } = this.control, ordering = this.from === "start" ? this.order : reverse(this.order);
        this.busy = true;
        try {
            // A cursor's count is the audit's, whatever the filter.
            if (this.from === "end" && this.total === undefined) {
                this.total = (await must(api.GET("/audits/{audit}/evidence/", { params: { path, query: { ...this.filter, page_size: 1 } }, signal }))).count;
            }
            // The API looks at so many rows at once, and may have found fewer than a page, or none, and not be at the end.
            const rows: Evidence[] = [];
            let cursor: string | null = this.cursors[page]!;
            while (cursor !== null && rows.length < PAGE) {
                const asked: string = cursor;
                const found = await must(api.GET("/audits/{audit}/evidence/", {
                    params: { path, query: { ...this.filter, cursor: asked, page_size: PAGE - rows.length, ordering } }, signal,
                }));
                rows.push(...found.results);
                cursor = found.next && new URL(found.next).searchParams.get("cursor");
            }
            this.keep(page, rows, cursor);
        }
        catch (failure) {
            if (signal.aborted) {
                return;
            }
            this.problem = asProblem(failure);
            if (this.problem.passes) {
                this.timer = setTimeout(() => this.again(), Math.min(this.problem.retryAfter || 3, LONGEST_WAIT) * 1000);
            }
        }
        this.busy = false;
        this.changed();
    }

    private keep(page: number, rows: Evidence[], next: string | null): void {
        this.pages.set(page, rows);
        if (page === this.cursors.length - 1) {
            this.known += rows.length;
            this.ended = next === null;
            if (next !== null) {
                this.cursors.push(next);
            }
            else {
                this.total = this.known;
            }
        }
        if (this.pages.size > KEEP) {
            this.pages.delete([...this.pages.keys()].reduce((most, one) => Math.abs(one - page) > Math.abs(most - page) ? one : most));
        }
    }
}

/** The rows of an audit that a filter finds, in an order. What was there stays until the first of them have come. */
export function useBook(audit: Audit, filter: Filter, order: Order) {
    const [book, show] = useState<Book>(), [version, redraw] = useReducer((count: number, _: void) => count + 1, 0);
    const [wanted, want] = useState<{ of: string; from: End }>({ of: "", from: "start" });
    const of = JSON.stringify([audit.id, filter, order]);
    useEffect(() => {
        const made = new Book(audit, filter, order, wanted.of === of ? wanted.from : "start", () => {
            show(made);
            redraw();
        });
        made.need(0, 0);
        return () => made.close();
    }, [of, wanted]);
    return { book, version, reopen: (from: End) => want({ of, from }) };
}
