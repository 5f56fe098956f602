// What the server has written into the page.
function meta(name: string): string {
    return document.querySelector<HTMLMetaElement>(`meta[name=console-${name}]`)?.content ?? "";
}

/** The path that the console lies below, without a slash at its end; of the API; what the product is called. */
export const base = meta("base");
export const apiBase = meta("api");
export const product = meta("title");
