// What the server has written into the page.
function meta(name: string): string {
    return document.querySelector<HTMLMetaElement>(`meta[name=console-${name}]`)?.content ?? "";
}

function json<T>(name: string, otherwise: T): T {
    const text = meta(name);
    return text ? JSON.parse(text) as T : otherwise;
}

/** The path that the console lies below, without a slash at its end; of the API; what the product is called. */
export const base = meta("base");
export const apiBase = meta("api");
export const product = meta("title");

/** What an operator has made the console theirs with: a picture in place of the name, links at the foot of every page, texts of
 *  the first page by language, "" for every other. */
export interface OwnLink {
    kind: "imprint" | "privacy" | "terms" | "support" | "other";
    url: string;
    text?: string;
}
export const logo = meta("logo");
export const links = json<OwnLink[]>("links", []);
export const welcome = json<Record<string, string>>("welcome", {});
