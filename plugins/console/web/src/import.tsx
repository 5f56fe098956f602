// Findings of other scanners: a file becomes an audit, or is added to one that files have made. It goes to the API as it is,
// and how much of it has gone is shown; what becomes of it then, the audit's page tells.
import { useRef, useState } from "preact/hooks";

import { type Audit, Problem, refused } from "./api";
import { membership, orgPath } from "./organization";
import { apiBase } from "./page";
import { navigate } from "./router";
import { percent, t } from "./text";
import { Choice, Field, Form, type Values } from "./ui";

const FORMATS = ["generic", "prowler-csv", "ocsf", "sarif", "trivy"] as const;
type Format = typeof FORMATS[number];

const HEAD = 8192;     // bytes of a file that tell what it is

/* What a file looks like; somebody may know better. */
async function guess(file: File): Promise<Format | undefined> {
    const head = await file.slice(0, HEAD).text();
    return /^\s*[[{]/.test(head)
        ? /"runs"\s*:|sarif/i.test(head) ? "sarif" : /"SchemaVersion"|"ArtifactName"/.test(head) ? "trivy"
            : /"finding_info"|"class_uid"|"metadata"/.test(head) ? "ocsf" : undefined
        : /CHECK_ID/i.test(head.split("\n", 1)[0]!) && head.includes(";") ? "prowler-csv" : "generic";
}

function randomKey(): string {
    return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

/* fetch() does not tell how far it is. */
function send(url: string, file: File, key: string, progress: (part: number) => void): Promise<Audit> {
    return new Promise((done, fail) => {
        const request = new XMLHttpRequest();
        request.open("POST", url);
        request.responseType = "json";
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.setRequestHeader("X-Organization-ID", membership().organization.id);
        if (key) {
            request.setRequestHeader("Idempotency-Key", key);
        }
        request.upload.addEventListener("progress", event => event.lengthComputable && progress(event.loaded / event.total));
        request.addEventListener("error", () => fail(new Problem(0, "", t.offline)));
        request.addEventListener("load", () => request.status === 201 ? done(request.response as Audit)
            : fail(refused(request.status, request.response, request.getResponseHeader("Retry-After"))));
        request.send(file);
    });
}

/** A form for a file: with an audit that files have made it is added to that one, else it becomes one. */
export function Import({ audit, added }: { audit?: Audit; added?: (audit: Audit) => void }) {
    const [file, setFile] = useState<File>(), [part, setPart] = useState<number>();
    // Sent again after a cut connection, it is the same audit.
    const key = useRef<{ of: File | undefined; with: string; is: string }>({ of: undefined, with: "", is: "" });
    const work = async ({ format = "", name = "" }: Values) => {
        if (!file) {
            throw new Problem(400, "", "", { upload: [t.chooseFile] });
        }
        const query = String(new URLSearchParams({ format, file: file.name.slice(-255), ...(name ? { name } : {}) }));
        if (key.current.of !== file || key.current.with !== query) {
            key.current = { of: file, with: query, is: randomKey() };
        }
        setPart(0);
        try {
            const made = await send(`${apiBase}/audits/${audit ? `${audit.id}/` : ""}import/?${query}`, file, audit ? "" : key.current.is, setPart);
            audit ? added?.(made) : navigate(orgPath(`audits/${made.id}`));
        }
        finally {
            setPart(undefined);
        }
    };
    const choose = async (field: HTMLInputElement) => {
        const chosen = field.files?.[0], format = field.form?.elements.namedItem("format");
        setFile(chosen);
        const guessed = chosen && await guess(chosen).catch(() => undefined);
        if (guessed && format instanceof HTMLSelectElement) {
            format.value = guessed;
        }
    };
    return <details class="card"><summary>{audit ? t.importMore : t.importFindings}</summary>
        <Form submit={t.importFile} send={work}>
            <Field name="upload" label={t.file} type="file" accept=".csv,.json,.jsonl,.ndjson,.sarif" onChange={event => choose(event.currentTarget)} />
            <Choice name="format" label={t.format} options={FORMATS.map(format => [format, t.formats[format]])} />
            {!audit && <Field name="name" label={t.auditName} />}
            {part !== undefined && <p class="row"><progress value={part} max={1} aria-label={t.progress} /> <span role="status">{part < 1 ? percent(part) : t.importArrived}</span></p>}
        </Form>
    </details>;
}
