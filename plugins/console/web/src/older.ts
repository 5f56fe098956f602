// An API that is older than the console, as while nodes are updated one after the other: what it does not tell yet is filled in,
// and what it does not have yet is known from its own document.
import { apiBase } from "./page";

const UNDECIDED = { muted: false, reason: null, until: null, comment: null, updated_by: null, updated_at: null };

/* Members that came later, of the answers of these paths or of what they list. */
const later: [path: RegExp, members: Record<string, unknown>][] = [
    [/^\/audits\/(\{audit\}\/|\{audit\}\/cancel\/|start\/|import\/|\{audit\}\/import\/)?$/, { score_details: null, imports: [], schedule: null }],
    [/^\/audits\/\{audit\}\/evidence\/(\{evidence\}\/)?$/, { triage: UNDECIDED }],
    [/^\/audits\/\{audit\}\/diff\/\{other\}\/$/, { triage: UNDECIDED }],
    [/^\/audits\/checks\/$/, { title: null, meaning: null, remediation: null, reference: null, configuration: { httpd: null, nginx: null }, test: "" }],
];

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An answer with all that its path answers today. */
export function complete<T>(path: string, answer: T): T {
    const members = later.find(([pattern]) => pattern.test(path))?.[1];
    if (members && isObject(answer)) {
        const rows: unknown[] = Array.isArray(answer.results) ? answer.results : [answer];
        rows.filter(isObject).forEach(row => Object.entries(members).forEach(([name, value]) => {
            if (row[name] === undefined) {
                row[name] = value;
            }
        }));
    }
    return answer;
}

/* Parameters may be called otherwise. */
function shape(path: string): string {
    return path.replace(/\{[^}]*\}/g, "{}");
}

let document: Promise<Map<string, Set<string>>> | undefined;

async function read(): Promise<Map<string, Set<string>>> {
    const answer = await fetch(`${apiBase}/openapi.json`);
    const { paths } = await answer.json() as { paths: Record<string, object> };
    return new Map(Object.entries(paths).map(([path, item]) => [shape(path), new Set(Object.keys(item))]));
}

/** Whether the API has no such call at all; where it does not say, it is believed to. */
export async function lacks(method: string, path: string): Promise<boolean> {
    document ??= read();
    try {
        return !(await document).get(shape(path))?.has(method.toLowerCase());
    }
    catch {
        document = undefined;
        return false;
    }
}
