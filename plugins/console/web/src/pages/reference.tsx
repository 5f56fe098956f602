// The API's reference, made of the document that the server gives everybody: of the plugins that it has loaded. Its texts are the
// document's, in English, and said to be.
import { useEffect, useMemo, useState } from "preact/hooks";

import { type Problem, asProblem, Problem as Failed } from "../api";
import { type Call, callsByTag, codesOf, curl, type Document, follow, kindOf, membersOf, type Schema } from "../openapi";
import { apiBase } from "../page";
import { t } from "../text";
import { Link, Loading, Page, Refusal } from "../ui";

async function load(): Promise<Document> {
    let reply: Response;
    try {
        reply = await fetch(`${apiBase}/openapi.json`);
    }
    catch {
        throw new Failed(0, "", t.offline);
    }
    if (!reply.ok) {
        throw new Failed(reply.status, "", t.unavailable);
    }
    return await reply.json() as Document;
}

/* The document's own words, with what it has between backticks as code. */
function Prose({ text }: { text: string | undefined }) {
    return <span lang="en">{text?.split("`").map((part, i) => i % 2 ? <code key={i}>{part}</code> : part)}</span>;
}

function Members({ document, schema, depth = 0 }: { document: Document; schema: Schema; depth?: number }) {
    const members = membersOf(document, schema);
    return members ? <ul class="members">{Object.entries(members.properties ?? {}).map(([name, member]) => {
        const text = follow(document, member).description, below = depth < 3 ? membersOf(document, member) : undefined;
        return <li key={name}>
            <code>{name}</code> <span class="kind">{kindOf(document, member)}</span>
            {members.required?.includes(name) && <> <strong>{t.needed}</strong></>}
            {text && <> <Prose text={text} /></>}
            {below && <Below document={document} schema={member} name={name} depth={depth + 1} />}
        </li>;
    })}</ul> : <p class="kind">{kindOf(document, schema)}</p>;
}

/* What is closed is not there: the document's objects have one another in them. */
function Below({ document, schema, name, depth }: { document: Document; schema: Schema; name: string; depth: number }) {
    const [open, setOpen] = useState(false);
    return <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary><span class="unseen">{name}: </span>{t.membersOf}</summary>
        {open && <Members document={document} schema={schema} depth={depth} />}
    </details>;
}

function Command({ text }: { text: string }) {
    const [copied, setCopied] = useState(false);
    return <div class="command">
        <pre><code>{text}</code></pre>
        <button type="button" onClick={() => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false))}>
            {copied ? t.copied : t.copy}</button>
    </div>;
}

function Described({ document, call, base, organization }: { document: Document; call: Call; base: string; organization: string }) {
    const { operation } = call;
    const parameters = (operation.parameters ?? []).map(one => follow(document, one));
    const gates = operation["x-saas-gates"] ?? [];
    const [type, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    return <>
        {operation.description && <p><Prose text={operation.description} /></p>}
        <p>{gates.length ? <>{t.gatedBy} {gates.map(gate => <code key={gate}>{gate} </code>)}</> : t.publicCall}</p>
        <h3>{t.tryIt}</h3>
        <Command text={curl(document, call, base, organization)} />
        {parameters.length > 0 && <><h3>{t.parameters}</h3><ul class="members">{parameters.map(one => <li key={one.in + one.name}>
            <code>{one.name}</code> <span class="kind">{one.in} {kindOf(document, one.schema ?? {})}</span>
            {one.required && <> <strong>{t.needed}</strong></>}{one.description && <> <Prose text={one.description} /></>}
        </li>)}</ul></>}
        {type && <><h3>{t.body} <code>{type}</code></h3>
            {operation.requestBody?.description && <p><Prose text={operation.requestBody.description} /></p>}
            {body?.schema && <Members document={document} schema={body.schema} />}</>}
        <h3>{t.answers}</h3>
        <ul class="members">{Object.entries(operation.responses ?? {}).map(([status, one]) => {
            const answer = follow(document, one), [kind, content] = Object.entries(answer.content ?? {})[0] ?? [];
            const codes = Number(status) >= 400 ? codesOf(document, content?.schema) : [];
            return <li key={status}>
                <code>{status}</code> <Prose text={answer.description} /> {kind && kind !== "application/json" && <span class="kind">{kind}</span>}
                {codes.map(code => <span key={code}> <code>{code}</code></span>)}
                {Number(status) < 300 && content?.schema && membersOf(document, content.schema)
                    && <Below document={document} schema={content.schema} name={status} depth={0} />}
            </li>;
        })}</ul>
    </>;
}

function OneCall({ document, call, base, organization }: { document: Document; call: Call; base: string; organization: string }) {
    const id = call.operation.operationId;
    const [open, setOpen] = useState(location.hash === `#${id}`);
    return <details id={id} class="call" open={open} onToggle={event => setOpen(event.currentTarget.open)}>
        <summary><code class={`method ${call.method}`}>{call.method.toUpperCase()}</code> <code>{call.path}</code> <Prose text={call.operation.summary} /></summary>
        {open && <Described document={document} call={call} base={base} organization={organization} />}
    </details>;
}

function matches(wanted: string, { method, path, operation }: Call): boolean {
    const text = `${method} ${path} ${operation.summary ?? ""} ${operation.operationId}`.toLowerCase();
    return wanted.toLowerCase().split(/\s+/).every(word => text.includes(word));
}

export function Reference({ args }: { args: string[] }) {
    const organization = args[0] ?? "";
    const [document, setDocument] = useState<Document>();
    const [problem, setProblem] = useState<Problem>();
    const [round, setRound] = useState(0);
    const [wanted, setWanted] = useState("");
    useEffect(() => {
        setProblem(undefined);
        load().then(setDocument, failure => setProblem(asProblem(failure)));
    }, [round]);
    const all = useMemo(() => document ? callsByTag(document) : [], [document]);
    // A link to a call leads to it, once it is there.
    useEffect(() => {
        if (document && location.hash) {
            window.document.getElementById(location.hash.slice(1))?.scrollIntoView();
        }
    }, [document]);
    const base = document?.servers?.[0]?.url ?? location.origin + apiBase;
    const shown = all.map(([tag, calls]) => [tag, calls.filter(call => matches(wanted, call))] as const).filter(([, calls]) => calls.length > 0);
    const count = shown.reduce((sum, [, calls]) => sum + calls.length, 0);
    return <Page title={t.apiReference} lead={t.apiLead}>
        {problem && <Refusal problem={problem} again={() => setRound(one => one + 1)} />}
        {!document && !problem && <Loading />}
        {document && <>
            <p>{t.apiToken} <Link to="/account">{t.account}</Link></p>
            <Command text={"read -rs SAAS_TOKEN && export SAAS_TOKEN"} />
            {document.info.description && <p><Prose text={document.info.description} /></p>}
            <p><a href={`${apiBase}/openapi.json`}>openapi.json</a> (OpenAPI {document.openapi})</p>
            <div class="filters" role="search"><label>{t.search} <input type="search" value={wanted} onInput={event => setWanted(event.currentTarget.value)} /></label>
                <span role="status">{t.calls(count)}</span></div>
            {shown.map(([tag, calls]) => <section key={tag}>
                <h2 lang="en">{tag}</h2>
                <p class="muted"><Prose text={document.tags?.find(one => one.name === tag)?.description} /></p>
                {calls.map(call => <OneCall key={call.method + call.path} document={document} call={call} base={base} organization={organization} />)}
            </section>)}
        </>}
    </Page>;
}
