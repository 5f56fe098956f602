// Who is logged in. null: nobody; undefined: not asked yet. What the API says of somebody changes while they look at a page (a
// role, an organization that they are taken out of), so it is asked again now and then, and when they come back to the window.
import { useEffect, useState } from "preact/hooks";

import { api, asProblem, must, type Profile } from "./api";
import { type Carried, href, navigate } from "./router";

const AGAIN = 30_000;

export let profile: Profile | null | undefined;
/** The session has ended, while something was typed that is not sent yet: the page stays until somebody is in again. */
export let ended = false;
const watchers = new Set<() => void>();
const tabs = new BroadcastChannel("console-session");

/* Whether something stands in the fields that would be lost with the page; what is searched for is in its address. */
function typed(): boolean {
    return [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("main :is(input, textarea)")].some(field =>
        !field.readOnly && !field.closest(".filters") && field.type !== "checkbox" && field.value !== field.defaultValue);
}

/** Nobody is logged in any more. True: the page stays for what is typed in it, else it leads to the log-in page and back. */
export function stays(): boolean {
    const keeps = Boolean(profile) && typed();
    if (keeps && !ended) {
        ended = true;
        watchers.forEach(watcher => watcher());
    }
    return keeps;
}

export function setProfile(now: Profile | null): void {
    const before = JSON.stringify(profile), back = ended;
    profile = now;
    ended = false;
    if (back || JSON.stringify(now) !== before) {
        watchers.forEach(watcher => watcher());
    }
}

/* Nobody is an answer, and no refusal that a browser would tell of; but of an API that is older than the console. */
async function who(): Promise<Profile | null> {
    try {
        return (await must(api.GET("/auth/session/"))).profile;
    }
    catch (failure) {
        if (asProblem(failure).code !== "older") {
            throw failure;
        }
    }
    try {
        return await must(api.GET("/auth/me/"));
    }
    catch (failure) {
        if (asProblem(failure).status !== 401) {
            throw failure;
        }
        return null;
    }
}

/** Asks who it is; a failure other than "nobody" leaves what was known and is thrown. */
export async function refresh(): Promise<void> {
    const now = await who();
    if (now || !stays()) {
        setProfile(now);
    }
}

/** To another page after a change of where somebody belongs, which the page that they are on may not outlast: both at once. */
export async function refreshAndGo(path: string, state: Carried = {}): Promise<void> {
    const now = await must(api.GET("/auth/me/"));
    navigate(path, { replace: true, state });
    setProfile(now);
}

/** What has just been refused may be so because of something that was changed elsewhere. */
export function refreshQuietly(): void {
    refresh().catch(() => undefined);
}

export function useProfile(): Profile | null | undefined {
    const [, redraw] = useState(0);
    useEffect(() => {
        const watcher = () => redraw(count => count + 1);
        watchers.add(watcher);
        return () => { watchers.delete(watcher); };
    }, []);
    return profile;
}

function look(): void {
    if (profile && document.visibilityState === "visible") {
        refreshQuietly();
    }
}

export function watchSession(): void {
    setInterval(look, AGAIN);
    document.addEventListener("visibilitychange", look);
    // A page out of the browser's memory may be somebody's who has logged out since.
    addEventListener("pageshow", event => event.persisted && location.reload());
    tabs.addEventListener("message", () => location.reload());
}

/** Ends the session, here and in the other windows, and has the browser forget what it keeps: the page that this leads to
 *  is answered with Clear-Site-Data. */
export async function logOut(): Promise<void> {
    try {
        await must(api.POST("/auth/logout/"));
    }
    catch (failure) {
        if (asProblem(failure).status !== 401) {
            throw failure;
        }
    }
    tabs.postMessage("logged out");
    location.replace(href("/logged-out"));
}
