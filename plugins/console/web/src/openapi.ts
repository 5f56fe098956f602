// The API's own document, as the reference page reads it: references followed, an example of a body made, a call as a line of
// curl. Pure: nothing here knows a page.
export interface Schema {
    $ref?: string;
    type?: string | string[];
    description?: string;
    properties?: Record<string, Schema>;
    required?: string[];
    items?: Schema;
    anyOf?: Schema[];
    oneOf?: Schema[];
    enum?: unknown[];
    const?: unknown;
    format?: string;
    default?: unknown;
    examples?: unknown[];
    minimum?: number;
    maximum?: number;
    minLength?: number;
    maxLength?: number;
    minItems?: number;
    maxItems?: number;
}

export interface Parameter {
    $ref?: string;
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: Schema;
}

export interface Answer {
    $ref?: string;
    description?: string;
    content?: Record<string, { schema?: Schema }>;
}

export interface Operation {
    operationId: string;
    tags?: string[];
    summary?: string;
    description?: string;
    parameters?: Parameter[];
    requestBody?: { description?: string; content: Record<string, { schema?: Schema }> };
    responses?: Record<string, Answer>;
    security?: unknown[];
    "x-saas-gates"?: string[];
}

export interface Document {
    openapi: string;
    info: { title: string; version: string; summary?: string; description?: string };
    servers?: { url: string }[];
    tags?: { name: string; description?: string }[];
    paths: Record<string, Record<string, Operation>>;
    components?: Record<string, Record<string, unknown>>;
}

/** A call of the API: a method of a path. */
export interface Call {
    method: string;
    path: string;
    operation: Operation;
}

const methods = ["get", "post", "put", "patch", "delete"];

/** All calls, in the order of the document, by the names of their tags. */
export function callsByTag(document: Document): [tag: string, calls: Call[]][] {
    const found = new Map<string, Call[]>((document.tags ?? []).map(tag => [tag.name, []]));
    for (const [path, item] of Object.entries(document.paths)) {
        for (const method of methods) {
            const operation = item[method];
            if (operation) {
                const tag = operation.tags?.[0] ?? "";
                found.set(tag, [...found.get(tag) ?? [], { method, path, operation }]);
            }
        }
    }
    return [...found].filter(([, calls]) => calls.length > 0);
}

/** What a reference names, members beside it included; what is none is itself. A reference that leads nowhere is nothing. */
export function follow<T extends { $ref?: string }>(document: Document, thing: T): T {
    let found: T = thing;
    for (let depth = 0; found.$ref && depth < 8; depth++) {
        const { $ref, ...beside } = found;
        const named = $ref.replace(/^#\//, "").split("/").reduce<unknown>((node, key) =>
            (node as Record<string, unknown> | undefined)?.[key.replace(/~1/g, "/").replace(/~0/g, "~")], document);
        found = { ...named as T, ...beside };
    }
    return found;
}

/** The name of what a schema refers to. */
export function nameOf(schema: Schema): string {
    return schema.$ref?.split("/").pop() ?? "";
}

function typesOf(schema: Schema): string[] {
    return schema.type === undefined ? [] : [schema.type].flat();
}

/** What a value may be, in a few words of JSON Schema's. */
export function kindOf(document: Document, schema: Schema): string {
    const name = nameOf(schema), whole = follow(document, schema);
    const values = whole.enum ?? (whole.const !== undefined ? [whole.const] : []);
    const range = whole.minimum !== undefined || whole.maximum !== undefined ? `${whole.minimum ?? ""}…${whole.maximum ?? ""}`
        : whole.maxLength !== undefined ? `${whole.minLength ?? 0}…${whole.maxLength}`
        : whole.maxItems !== undefined ? `${whole.minItems ?? 0}…${whole.maxItems}` : "";
    const kind = values.length ? values.map(value => JSON.stringify(value)).join(" | ")
        : whole.anyOf ?? whole.oneOf ? (whole.anyOf ?? whole.oneOf)!.map(one => kindOf(document, one)).join(" | ")
        : typesOf(whole).map(type => type === "array" && whole.items ? `${kindOf(document, whole.items)}[]` : type).join(" | ");
    return [name && whole.properties ? name : kind, whole.format, range, whole.default !== undefined && whole.default !== null ? `= ${JSON.stringify(whole.default)}` : ""]
        .filter(Boolean).join(" ");
}

/** The object whose members are worth a list: the schema's own, of the things in a list, or of the first alternative that has one. */
export function membersOf(document: Document, schema: Schema): Schema | undefined {
    const whole = follow(document, schema);
    if (whole.properties) {
        return whole;
    }
    if (whole.items) {
        return membersOf(document, whole.items);
    }
    for (const one of whole.anyOf ?? whole.oneOf ?? []) {
        const found = membersOf(document, one);
        if (found) {
            return found;
        }
    }
    return undefined;
}

/** The codes that a refusal may carry. */
export function codesOf(document: Document, schema: Schema | undefined): string[] {
    if (!schema) {
        return [];
    }
    const whole = follow(document, schema), code = whole.properties?.code;
    const own = code?.enum ?? (code?.const !== undefined ? [code.const] : []);
    return [...new Set([...own.map(String), ...(whole.anyOf ?? whole.oneOf ?? []).flatMap(one => codesOf(document, one))])];
}

const formats: Record<string, string> = { email: "name@example.com", uri: "https://example.com/", "date-time": "2030-01-01T00:00:00Z", uuid: "00000000-0000-0000-0000-000000000000" };

/** A value that a schema takes, with what it must have and nothing else. name: of the member that it is of. */
export function example(document: Document, schema: Schema, name = "", depth = 0): unknown {
    const whole = follow(document, schema), type = typesOf(whole)[0];
    if (whole.examples?.length || whole.enum?.length || whole.const !== undefined) {
        return whole.examples?.[0] ?? whole.enum?.[0] ?? whole.const;
    }
    if (whole.anyOf ?? whole.oneOf) {
        return example(document, (whole.anyOf ?? whole.oneOf)![0]!, name, depth);
    }
    if (whole.properties || type === "object") {
        const needed = whole.required ?? Object.keys(whole.properties ?? {}).slice(0, 1);
        return depth > 4 ? {} : Object.fromEntries(needed.map(key => [key, example(document, whole.properties?.[key] ?? {}, key, depth + 1)]));
    }
    return type === "array" ? [example(document, whole.items ?? {}, name.replace(/s$/, ""), depth + 1)]
        : type === "integer" || type === "number" ? whole.default ?? whole.minimum ?? 1
        : type === "boolean" ? whole.default ?? true
        : type === "null" ? null
        : formats[whole.format ?? ""] ?? (name === "email" ? formats.email : name === "target" ? "https://example.com/" : name.toUpperCase());
}

/** For a shell, as one word that it reads nothing in. */
function quoted(text: string): string {
    return `'${text.replace(/'/g, "'\\''")}'`;
}

/** The call as a command to paste into a shell. Where the path wants an id it has a variable of the shell's, and the token is in
 *  one, so that it is in no history. organization: whose it is for, where the call takes one. */
export function curl(document: Document, { method, path, operation }: Call, base: string, organization: string): string {
    const parameters = (operation.parameters ?? []).map(one => follow(document, one));
    const named = organization && !/["$`\\]/.test(organization) ? organization : "";
    const where = path.replace(/\{(\w+)\}/g, (_, name: string) => name === "org" && named ? named : `$${name.toUpperCase()}`);
    const query = parameters.filter(one => one.in === "query" && one.required)
        .map(one => `${one.name}=${encodeURIComponent(String(example(document, one.schema ?? {}, one.name)))}`).join("&");
    const [type, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    const lines = [
        `curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} "${base}${where}${query && `?${query}`}"`,
        operation.security?.length ? '-H "Authorization: Bearer $SAAS_TOKEN"' : "",
        named && parameters.some(one => one.name === "X-Organization-ID") ? `-H ${quoted(`X-Organization-ID: ${named}`)}` : "",
        ...parameters.filter(one => one.in === "header" && one.required).map(one => `-H ${quoted(`${one.name}: ${String(example(document, one.schema ?? {}, one.name))}`)}`),
        type ? `-H ${quoted(`Content-Type: ${type}`)}` : "",
        type === "application/json" ? `-d ${quoted(JSON.stringify(example(document, body?.schema ?? {})))}` : type ? '--data-binary "@$FILE"' : "",
    ];
    return lines.filter(Boolean).join(" \\\n  ");
}
