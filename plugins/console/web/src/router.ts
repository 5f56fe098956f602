// Where somebody is: the part of the address behind the console's own path, and how they get elsewhere without loading the
// page anew.
import { useEffect, useState } from "preact/hooks";

import { base } from "./page";

export interface Place {
    path: string;
    query: URLSearchParams;
}

/** What is carried from page to page beside the address: secrets of links, which do not stay in it; that something was saved. */
export interface Carried {
    token?: string;
    saved?: boolean;
}

export function place(): Place {
    return { path: location.pathname.slice(base.length) || "/", query: new URLSearchParams(location.search) };
}

export function carried(): Carried {
    return (history.state ?? {}) as Carried;
}

export function href(path: string): string {
    return base + path;
}

const watchers = new Set<() => void>();
let moves = 0;

function moved(): void {
    moves++;
    watchers.forEach(watcher => watcher());
}

addEventListener("popstate", moved);

/** How many pages have been gone to: 0 on the one that was loaded. */
export function travelled(): number {
    return moves;
}

export function navigate(path: string, { replace = false, state = {} }: { replace?: boolean; state?: Carried } = {}): void {
    history[replace ? "replaceState" : "pushState"](state, "", href(path));
    scrollTo(0, 0);
    moved();
}

/** Another query on the same page, which "Back" does not stop at. */
export function setQuery(query: URLSearchParams): void {
    const text = query.toString();
    history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : ""));
    moved();
}

/** The secret of a link out of the address and into what is carried: it is in no history, no screenshot and no referrer. */
export function takeToken(): string {
    const token = place().query.get("token");
    if (token) {
        history.replaceState({ token } satisfies Carried, "", location.pathname);
    }
    return token ?? carried().token ?? "";
}

export function usePlace(): Place {
    const [now, set] = useState(place);
    useEffect(() => {
        const watcher = () => set(place());
        watchers.add(watcher);
        return () => { watchers.delete(watcher); };
    }, []);
    return now;
}

/** Of ?next= what leads to this origin, as path and query; else nothing. */
export function ownPath(next: string | null): string | undefined {
    if (!next || !URL.canParse(next, location.origin)) {
        return undefined;
    }
    const url = new URL(next, location.origin);
    return url.origin === location.origin ? url.pathname + url.search + url.hash : undefined;
}

/** To where somebody wanted to go before they had to log in. */
export function goOn(next: string | null): void {
    const path = ownPath(next);
    if (path === undefined) {
        navigate("/", { replace: true });
    }
    else if (path === base || path.startsWith(base + "/")) {
        navigate(path.slice(base.length) || "/", { replace: true });
    }
    else {
        location.replace(path);
    }
}

/** The log-in page, which leads back here. */
export function logInPath(): string {
    const here = place();
    const wanted = here.path === "/" && !here.query.size ? "" : location.pathname + location.search;
    return "/login" + (wanted ? `?next=${encodeURIComponent(wanted)}` : "");
}
