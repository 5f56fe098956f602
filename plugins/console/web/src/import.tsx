// Findings of other scanners: a file becomes an audit. It goes to the API as it is, and what is left of it to send is shown.
import { useState } from "preact/hooks";

import { type Audit, Problem } from "./api";
import { membership, orgPath } from "./organization";
import { apiBase } from "./page";
import { navigate } from "./router";
import { t } from "./text";
import { Choice, Field, Form } from "./ui";

/* fetch() does not tell how far it is. */
function send(url: string, file: File, progress: (part: number) => void): Promise<Audit> {
    return new Promise((done, fail) => {
        const request = new XMLHttpRequest();
        request.open("POST", url);
        request.responseType = "json";
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.setRequestHeader("X-Organization-ID", membership().organization.id);
        request.upload.addEventListener("progress", event => event.lengthComputable && progress(event.loaded / event.total));
        request.addEventListener("error", () => fail(new Problem(0, "", t.offline)));
        request.addEventListener("load", () => {
            const body = (request.response ?? {}) as Record<string, unknown>;
            if (request.status === 201) {
                done(body as unknown as Audit);
                return;
            }
            const fields = Object.fromEntries(Object.entries(body).filter((entry): entry is [string, string[]] => Array.isArray(entry[1])));
            fail(new Problem(request.status, String(body.code ?? ""), String(body.detail ?? (Object.keys(fields).length ? "" : t.unavailable)), fields,
                             Number(request.getResponseHeader("Retry-After")) || 0, body));
        });
        request.send(file);
    });
}

export function Import() {
    const [file, setFile] = useState<File>(), [part, setPart] = useState<number>();
    return <details class="card"><summary>{t.importFindings}</summary>
        <Form submit={t.importFile} send={async ({ format = "", name = "" }) => {
            if (!file) {
                throw new Problem(400, "", "", { upload: [t.chooseFile] });
            }
            setPart(0);
            try {
                const query = new URLSearchParams({ format, file: file.name.slice(-255), ...(name ? { name } : {}) });
                navigate(orgPath(`audits/${(await send(`${apiBase}/audits/import/?${query}`, file, setPart)).id}`));
            }
            finally {
                setPart(undefined);
            }
        }}>
            <Field name="upload" label={t.file} type="file" accept=".csv,text/csv" onChange={event => setFile(event.currentTarget.files?.[0])} />
            <Choice name="format" label={t.format} options={[["generic", t.formats.generic], ["prowler-csv", "Prowler (CSV)"]]} />
            <Field name="name" label={t.auditName} />
            {part !== undefined && <p><progress value={part} max={1} aria-label={t.progress} /></p>}
        </Form>
    </details>;
}
