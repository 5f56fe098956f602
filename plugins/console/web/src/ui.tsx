// What pages are made of.
import { createContext, type ComponentChildren, type JSX } from "preact";
import { useCallback, useContext, useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { api, asProblem, must, Problem } from "./api";
import { orgPath, PAYING } from "./organization";
import { product } from "./page";
import { called, forSale, given, priceOf, sold } from "./plans";
import { href, logInPath, navigate, travelled } from "./router";
import { profile, refreshQuietly, stays } from "./session";
import { t } from "./text";

/* ----------------------------------------------------------------- pages -- */

/** A page with its heading, which gets the focus when somebody comes from another page, so that it is read to who listens. */
export function Page({ title, lead, children, actions }: { title: string; lead?: ComponentChildren; actions?: ComponentChildren; children?: ComponentChildren }) {
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => {
        document.title = title === product ? product : `${title} · ${product}`;
    }, [title]);
    useEffect(() => {
        if (travelled() && !heading.current?.closest("main")?.contains(document.activeElement)) {
            heading.current?.focus();
        }
    }, []);
    return <>
        <div class="head"><h1 ref={heading} tabIndex={-1}>{title}</h1>{actions}</div>
        {lead && <p class="lead">{lead}</p>}
        {children}
    </>;
}

export function Link({ to, children, ...more }: { to: string; children: ComponentChildren } & Omit<JSX.HTMLAttributes<HTMLAnchorElement>, "href">) {
    const follow = (event: MouseEvent) => {
        if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
            event.preventDefault();
            navigate(to);
        }
    };
    return <a {...more} href={href(to)} onClick={follow}>{children}</a>;
}

export function Badge({ kind, children }: { kind: string; children: ComponentChildren }) {
    return <span class={`badge ${kind.toLowerCase()}`}>{children}</span>;
}

export function Loading() {
    return <p class="loading" role="status">{t.loading}</p>;
}

/* -------------------------------------------------------------- problems -- */

/** What a refusal of a plan may offer: where plans are, and whether one click leads to checkout. Set by the frame. */
export const Plans = createContext({ path: "", buys: false, asks: false });

const gated = ["subscription_required", "feature_required", "plan_required", "limit_reached"];

/** To the log-in page in another window: this one keeps what is typed in it. */
export function LogInElsewhere() {
    return <a href={href(logInPath())} target="_blank" rel="noopener">{t.logInElsewhere}</a>;
}

/* What somebody can do about it, beside trying again; of one that a page met with, `page`. */
function WayOut({ problem: { status, code, retryAfter, retried }, page }: { problem: Problem; page: boolean }) {
    return <>
        {status === 401 && profile && <p><LogInElsewhere /></p>}
        {code === "email_not_verified" && <p><Link to="/account">{t.verifyAtAccount}</Link></p>}
        {code === "permission_denied" && <p>{t.askForRole}</p>}
        {code === "csrf_failed" && <p>{t.reloadPage}</p>}
        {retried ? <p>{t.retried}</p> : status === 429 && retryAfter > 0 && <p>{t.waitSeconds(retryAfter)}</p>}
        {page && (status === 404 || status === 403) && <p><Link to="/">{t.toStart}</Link></p>}
    </>;
}

/* What is to be had, beside a refusal that it would not have met. */
function Offers() {
    const plans = useLoad(forSale, []);
    return plans.data?.length ? <ul>{plans.data.map(plan => <li key={plan.name}><strong>{called(plan.name)}</strong>: {given(plan).join(", ")}
        {" – "}{sold(plan).map(priceOf).join(", ")}{plan.seats && ` ${t.perMember}`}</li>)}</ul> : null;
}

/** A refusal or a failure, in words, with the way out. */
export function Refusal({ problem, again, children }: { problem: Problem; again?: (() => void) | undefined; children?: ComponentChildren }) {
    const plans = useContext(Plans), offers = gated.includes(problem.code) && plans.path !== "";
    const buy = useAction(() => checkout());
    return <div class={gated.includes(problem.code) ? "notice offer" : "notice bad"} role="alert">
        <p>{problem.message || t.checkFields}</p>
        <WayOut problem={problem} page={again !== undefined} />
        {offers && <Offers />}
        {offers && <p class="row">
            {plans.buys && <button type="button" class="primary" data-busy={buy.busy} onClick={() => buy.run()}>{t.upgrade}</button>}
            <Link to={plans.path}>{t.seePlans}</Link></p>}
        {offers && plans.asks && <p>{t.askAdmin}</p>}
        {buy.problem && <p>{buy.problem.message}</p>}
        {again && problem.status !== 404 && problem.status !== 403 && <p><button type="button" onClick={again}>{t.tryAgain}</button></p>}
        {children}
    </div>;
}

export function Done({ children }: { children: ComponentChildren }) {
    return <div class="notice good" role="status">{children}</div>;
}

/** To Stripe's page, from which people come back to billing/return. */
export async function checkout(price?: string): Promise<void> {
    sessionStorage.setItem(PAYING, orgPath("billing"));
    location.assign((await must(api.POST("/billing/checkout-session/", { body: price ? { price } : {} }))).checkout_url);
}

/* --------------------------------------------------------------- loading -- */

export interface Loaded<T> {
    data: T | undefined;
    problem: Problem | undefined;
    /** Asks again; what is shown stays until there is an answer. */
    reload: () => void;
    set: (data: T) => void;
}

const LONGEST_WAIT = 30;   // seconds, whatever a server says
const PATIENCE = 5;        // times that a form is sent again by itself while the service is away

/** Asks when the page comes and whenever one of what it depends on changes. What passes is asked again by itself, after the
 *  time that the server names. Nobody is logged in any more: to the log-in page, and back. */
export function useLoad<T>(ask: (signal: AbortSignal) => Promise<T>, depends: unknown[]): Loaded<T> {
    const [state, setState] = useState<{ data?: T; problem?: Problem }>({});
    const [round, setRound] = useState(0);
    const reload = useCallback(() => setRound(number => number + 1), []);
    useEffect(() => setState({}), depends);
    useEffect(() => {
        const control = new AbortController();
        let timer = 0;
        ask(control.signal).then(data => !control.signal.aborted && setState({ data }), failure => {
            if (control.signal.aborted) {
                return;
            }
            const problem = asProblem(failure);
            if (problem.status === 401 && !stays()) {
                navigate(logInPath(), { replace: true });
                return;
            }
            if (problem.status === 403 || problem.status === 404) {
                refreshQuietly();
            }
            problem.retried = problem.passes;
            setState(before => ({ ...before, problem }));
            if (problem.passes) {
                timer = setTimeout(reload, Math.min(problem.retryAfter || 3, LONGEST_WAIT) * 1000);
            }
        });
        return () => {
            control.abort();
            clearTimeout(timer);
        };
    }, [...depends, round]);
    return { data: state.data, problem: state.problem, reload, set: data => setState({ data }) };
}

interface Slice<T> {
    count: number;
    next: string | null;
    results: T[];
}

/** A list that grows page by page as somebody asks for more. */
export function usePages<T>(ask: (page: number, signal: AbortSignal) => Promise<Slice<T>>, depends: unknown[]) {
    const first = useLoad(signal => ask(1, signal), depends);
    const [later, setLater] = useState<{ of?: Slice<T>; pages: Slice<T>[] }>({ pages: [] });
    const pages = first.data ? [first.data, ...later.of === first.data ? later.pages : []] : [];
    const { run, busy, problem } = useAction(async () => {
        const page = await ask(pages.length + 1, new AbortController().signal);
        setLater({ of: first.data!, pages: [...pages.slice(1), page] });
    });
    return {
        data: first.data && pages.flatMap(page => page.results), count: first.data?.count ?? 0, problem: first.problem ?? problem,
        reload: first.reload, set: () => undefined, left: Boolean(pages.at(-1)?.next), busy, more: () => run(),
    };
}

/** What there is to show of something loaded: the thing, that it is on its way, or why not. */
export function Show<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
    return <>
        {of.problem && <Refusal problem={of.problem} again={of.reload} />}
        {of.data !== undefined ? children(of.data) : !of.problem && <Loading />}
    </>;
}

/** Something that a button does: busy while it runs, and why it was not done. Where a service is away, `patience` is how many
 *  times more it is tried by itself. */
export function useAction<A extends unknown[]>(work: (...args: A) => Promise<void>, patience = 0) {
    const [state, setState] = useState<{ busy: boolean; problem?: Problem }>({ busy: false });
    const waits = useRef({ timer: 0, tries: 0, gone: false });
    useEffect(() => () => {
        waits.current.gone = true;
        clearTimeout(waits.current.timer);
    }, []);
    const run = async (...args: A): Promise<void> => {
        const now = waits.current;
        clearTimeout(now.timer);
        setState({ busy: true });
        try {
            await work(...args);
            now.tries = 0;
            setState({ busy: false });
        }
        catch (failure) {
            const problem = asProblem(failure);
            problem.retried = problem.status === 503 && now.tries++ < patience && !now.gone;
            if (problem.retried) {
                now.timer = setTimeout(() => run(...args), Math.min(problem.retryAfter || 3, LONGEST_WAIT) * 1000);
            }
            else {
                now.tries = 0;
            }
            setState({ busy: false, problem });
            if (problem.status === 403 || problem.status === 404) {
                refreshQuietly();
            }
        }
    };
    return { ...state, run };
}

/* ----------------------------------------------------------------- forms -- */

const Errors = createContext<{ fields: Record<string, string[]>; known: Set<string> }>({ fields: {}, known: new Set() });

export type Values = Record<string, string>;

/** Fields and a button. Errors that name a field of it stand beside the field, others above the button; nothing that was
 *  typed goes. */
export function Form({ send, submit, children, class: look, danger }: {
    send: (values: Values, form: HTMLFormElement) => Promise<void>; submit: string; children?: ComponentChildren; class?: string; danger?: boolean;
}) {
    const form = useRef<HTMLFormElement>(null), known = useRef(new Set<string>());
    const { busy, problem, run } = useAction(async () => {
        const values = Object.fromEntries([...new FormData(form.current!)].map(([name, value]) => [name, String(value)]));
        await send(values, form.current!);
    }, PATIENCE);
    // After the fields, which hear of it by their context.
    useEffect(() => {
        if (problem) {
            form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
        }
    }, [problem]);
    const elsewhere = Object.entries(problem?.fields ?? {}).filter(([name]) => !known.current.has(name)).flatMap(([, texts]) => texts);
    return <form ref={form} class={look ?? ""} noValidate onSubmit={event => {
        event.preventDefault();
        if (!busy) {
            run();
        }
    }}>
        <Errors.Provider value={{ fields: problem?.fields ?? {}, known: known.current }}>{children}</Errors.Provider>
        {problem && (problem.message || elsewhere.length > 0) && <Refusal problem={elsewhere.length
            ? new Problem(problem.status, problem.code, elsewhere.join(" "), {}, problem.retryAfter) : problem} />}
        <button class={danger ? "danger" : "primary"} aria-disabled={busy} data-busy={busy}>{submit}</button>
    </form>;
}

function useField(name: string) {
    const { fields, known } = useContext(Errors), id = useId();
    known.add(name);
    useEffect(() => () => { known.delete(name); }, [name]);
    const wrong = fields[name]?.join(" ");
    return { id, wrong, described: { "aria-invalid": wrong ? true : undefined } as const };
}

function Labelled({ id, label, hint, wrong, children }: {
    id: string; label: string; hint?: ComponentChildren; wrong: string | undefined; children: ComponentChildren;
}) {
    return <div class="field">
        <label for={id}>{label}</label>
        {children}
        {hint && <small id={`${id}-hint`}>{hint}</small>}
        {wrong && <small class="wrong" id={`${id}-wrong`}>{wrong}</small>}
    </div>;
}

/* A field begins with what was so when it came: what is loaded later, while somebody types or chooses, changes nothing of it. */
function useFirst<T>(value: T): T {
    return useState(value)[0];
}

type InputProps = { name: string; label: string; hint?: ComponentChildren; initial?: string } & Omit<JSX.HTMLAttributes<HTMLInputElement>, "name" | "label" | "value">
    & { type?: string; autocomplete?: string; required?: boolean; accept?: string; min?: string; max?: string; maxLength?: number; spellcheck?: boolean; inputMode?: string };

export function Field({ name, label, hint, initial, ...more }: InputProps) {
    const { id, wrong, described } = useField(name), first = useFirst(initial ?? "");
    return <Labelled id={id} label={label} hint={hint} wrong={wrong}>
        <input id={id} name={name} defaultValue={first} {...described} aria-describedby={[hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined}
               {...more as JSX.HTMLAttributes<HTMLInputElement>} />
    </Labelled>;
}

export function TextArea({ name, label, hint, initial, rows, onInput }: {
    name: string; label: string; hint?: ComponentChildren; initial?: string; rows?: number; onInput?: (event: Event) => void;
}) {
    const { id, wrong, described } = useField(name), first = useFirst(initial ?? "");
    return <Labelled id={id} label={label} hint={hint} wrong={wrong}>
        <textarea id={id} name={name} rows={rows ?? 3} defaultValue={first} {...described} spellcheck={false} onInput={onInput}
                  aria-describedby={[hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined} />
    </Labelled>;
}

export function Choice({ name, label, options, initial, onChange }: {
    name: string; label: string; options: [value: string, text: string][]; initial?: string | undefined; onChange?: (value: string) => void;
}) {
    const { id, wrong, described } = useField(name), first = useFirst(initial ?? options[0]?.[0]);
    return <Labelled id={id} label={label} wrong={wrong}>
        <select id={id} name={name} {...described} onChange={event => onChange?.(event.currentTarget.value)}>
            {options.map(([value, text]) => <option key={value} value={value}
                {...{ defaultSelected: value === first } /* also what a form is reset to */}>{text}</option>)}
        </select>
    </Labelled>;
}

/* --------------------------------------------------------------- dialogs -- */

/** Asks before something that cannot be undone, or for more than a button can hold. Escape closes it, the focus comes back. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
    const dialog = useRef<HTMLDialogElement>(null), id = useId();
    useLayoutEffect(() => {      // with it in the document: a key that is quicker than the next frame is the dialog's
        dialog.current!.showModal();
    }, []);
    return <dialog ref={dialog} aria-labelledby={id} onClose={close}>
        <div class="head"><h2 id={id}>{title}</h2>
            <button type="button" class="quiet" aria-label={t.close} onClick={() => dialog.current?.close()}>×</button></div>
        {children}
    </dialog>;
}

/** Puts a text where it can be pasted from; the text itself is shown too, for where a page may not. */
export function Copy({ label, text }: { label: string; text: string }) {
    const [copied, setCopied] = useState(false), id = useId();
    const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
    return <div class="field">
        <label for={id}>{label}</label>
        <div class="row"><input id={id} class="secret" readOnly value={text} onFocus={event => event.currentTarget.select()} />
            <button type="button" onClick={copy}>{copied ? t.copied : t.copy}</button></div>
    </div>;
}

/** A list that comes in pages: what is there, and a button for more of it. */
export function More({ left, busy, more }: { left: boolean; busy: boolean; more: () => void }) {
    return left ? <p><button type="button" aria-disabled={busy} data-busy={busy} onClick={() => !busy && more()}>{t.more}</button></p> : null;
}
