// The findings of an audit as a file. Whether it is refused is asked first, to be told in words and with the way out; the file
// itself is the browser's to fetch, however large it is.
import { useState } from "preact/hooks";

import { allowed, api, type Audit, must, Problem } from "./api";
import { filterOf } from "./findings";
import { apiBase } from "./page";
import { usePlace } from "./router";
import { t } from "./text";
import { Refusal, useAction } from "./ui";

const FORMATS = ["csv", "jsonl", "sarif", "ocsf", "html"] as const;
type Format = typeof FORMATS[number];

/* Of a table's filter what an export takes. */
const FILTERS = ["status", "severity", "check", "search"] as const;

/** The address of a file; csv has had its own from the first. */
function addressOf(audit: string, format: Format, query: URLSearchParams): string {
    if (format !== "csv") {
        query.set("format", format);
    }
    return `${apiBase}/audits/${audit}/export/${format === "csv" ? "csv/" : ""}${query.size ? `?${query}` : ""}`;
}

/* What a browser would show instead of a file, in the API's words. */
async function comes(audit: string, format: Format, url: string): Promise<void> {
    await allowed(url);
    const asked = await fetch(url, { method: "HEAD" }).catch(() => {
        throw new Problem(0, "", t.offline);
    });
    if (!asked.ok) {
        const path = { audit };
        await must(format === "csv" ? api.GET("/audits/{audit}/export/csv/", { params: { path }, parseAs: "stream" })
            : api.GET("/audits/{audit}/export/", { params: { path, query: { format } }, parseAs: "stream" }));
    }
}

export function Export({ audit }: { audit: Audit }) {
    const filter = filterOf(usePlace().query), filtered = FILTERS.filter(name => filter[name]);
    const [gzip, setGzip] = useState(false), [some, setSome] = useState(true);
    const { busy, problem, run } = useAction(async (format: Format) => {
        const query = new URLSearchParams(some ? filtered.map(name => [name, filter[name]!]) : []);
        if (gzip) {
            query.set("compress", "gzip");
        }
        const url = addressOf(audit.id, format, query);
        await comes(audit.id, format, url);
        const link = document.createElement("a");
        link.href = url;
        if (format === "html" && !gzip) {
            link.target = "_blank";
            link.rel = "noopener";
        }
        else {
            link.download = "";
        }
        link.click();
    });
    return <section class="export">
        <h2>{t.exportTitle}</h2>
        <p class="row">{FORMATS.map(format => <button key={format} type="button" aria-label={t.exportAs(t.exportFormats[format])} aria-disabled={busy} data-busy={busy}
            title={t.exportMeans[format]} onClick={() => !busy && run(format)}>{t.exportFormats[format]}</button>)}</p>
        <p class="row">
            <label class="tick"><input type="checkbox" name="gzip" checked={gzip} onChange={event => setGzip(event.currentTarget.checked)} /> {t.exportGzip}</label>
            {filtered.length > 0 && <label class="tick"><input type="checkbox" name="some" checked={some} onChange={event => setSome(event.currentTarget.checked)} /> {t.exportSome}</label>}
        </p>
        {problem && <Refusal problem={problem} />}
    </section>;
}
