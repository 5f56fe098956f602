// Outgoing webhooks: which of an organization's own servers is told of what, what became of each message, and a try.
import { useEffect, useState } from "preact/hooks";

import { api, type Delivery, type Endpoint, must } from "../api";
import { membership } from "../organization";
import { moment, number, t } from "../text";
import { Badge, Copy, Dialog, Field, Form, More, Page, Refusal, Show, useAction, usePages } from "../ui";

const AGAIN = 2000;

function DeliveryRow({ endpoint, delivery, changed }: { endpoint: string; delivery: Delivery; changed: () => void }) {
    const { problem, run } = useAction(async () => {
        await must(api.POST("/notify/endpoints/{endpoint}/deliveries/{delivery}/replay/", { params: { path: { endpoint, delivery: delivery.id } } }));
        changed();
    });
    return <tr>
        <td>{moment(delivery.created_at)}</td><td>{delivery.type}</td>
        <td><Badge kind={delivery.state}>{t.deliveryStates[delivery.state]}</Badge></td>
        <td class="long">{[delivery.status, delivery.error, delivery.duration_ms !== null && t.milliseconds(number(delivery.duration_ms))].filter(Boolean).join(", ")}
            {delivery.next_attempt_at && <> {t.nextAttempt(moment(delivery.next_attempt_at))}</>}</td>
        <td><button type="button" class="quiet" aria-label={`${t.replay}: ${delivery.type} ${moment(delivery.created_at)}`} onClick={() => run()}>{t.replay}</button>
            {problem && <Refusal problem={problem} />}</td>
    </tr>;
}

function Deliveries({ endpoint }: { endpoint: Endpoint }) {
    const list = usePages((page, signal) => must(api.GET("/notify/endpoints/{endpoint}/deliveries/", { params: { path: { endpoint: endpoint.id }, query: { page, page_size: 20 } }, signal })), [endpoint.id]);
    const waits = list.data?.some(delivery => delivery.state === "queued");
    useEffect(() => {
        const timer = waits ? setInterval(() => document.visibilityState === "visible" && list.reload(), AGAIN) : 0;
        return () => clearInterval(timer);
    }, [waits]);
    const test = useAction(async () => {
        await must(api.POST("/notify/endpoints/{endpoint}/test/", { params: { path: { endpoint: endpoint.id } } }));
        list.reload();
    });
    return <>
        <p><button type="button" aria-disabled={test.busy} data-busy={test.busy} onClick={() => !test.busy && test.run()}>{t.sendTest}</button></p>
        {test.problem && <Refusal problem={test.problem} />}
        <Show of={list}>{rows => rows.length ? <div class="scroll" role="region" aria-label={t.deliveries} tabIndex={0}><table>
            <thead><tr><th scope="col">{t.time}</th><th scope="col">{t.event}</th><th scope="col">{t.status}</th><th scope="col">{t.answer}</th><td /></tr></thead>
            <tbody>{rows.map(delivery => <DeliveryRow key={delivery.id} endpoint={endpoint.id} delivery={delivery} changed={list.reload} />)}</tbody>
        </table></div> : <p class="muted">{t.noDeliveries}</p>}</Show>
        <More left={list.left} busy={list.busy} more={list.more} />
    </>;
}

function EndpointCard({ endpoint, changed, secret }: { endpoint: Endpoint; changed: () => void; secret: (secret: string) => void }) {
    const path = { endpoint: endpoint.id };
    const [open, setOpen] = useState(false), [asked, ask] = useState(false);
    const enable = useAction(async () => {
        await must(api.PATCH("/notify/endpoints/{endpoint}/", { params: { path }, body: { enabled: !endpoint.enabled } }));
        changed();
    });
    const rotate = useAction(async () => {
        secret((await must(api.POST("/notify/endpoints/{endpoint}/rotate/", { params: { path } }))).secret);
        changed();
    });
    const remove = useAction(async () => {
        await must(api.DELETE("/notify/endpoints/{endpoint}/", { params: { path } }));
        ask(false);
        changed();
    });
    const problem = enable.problem ?? rotate.problem;
    return <section class="card">
        <h2>{endpoint.url}</h2>
        <p class="row"><Badge kind={endpoint.enabled ? "active" : "canceled"}>{endpoint.enabled ? t.enabled : endpoint.disabled_reason ? t.disabledBecause[endpoint.disabled_reason] : t.disabled}</Badge>
            <span class="muted">{endpoint.events.join(", ")}</span></p>
        <p class="row">
            <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>{t.deliveries}</button>
            <button type="button" onClick={() => enable.run()}>{endpoint.enabled ? t.disable : t.enable}</button>
            <button type="button" onClick={() => rotate.run()}>{t.newSecret}</button>
            <button type="button" class="quiet" onClick={() => ask(true)}>{t.deleteEndpoint}</button></p>
        {problem && <Refusal problem={problem} />}
        {open && <Deliveries endpoint={endpoint} />}
        {asked && <Dialog title={t.deleteEndpoint} close={() => ask(false)}>
            <p>{t.deleteEndpointLead(endpoint.url)}</p>
            {remove.problem && <Refusal problem={remove.problem} />}
            <button type="button" class="danger" aria-disabled={remove.busy} onClick={() => !remove.busy && remove.run()}>{t.deleteForGood}</button>
        </Dialog>}
    </section>;
}

export function Webhooks() {
    const { organization } = membership();
    const [secret, setSecret] = useState("");
    const endpoints = usePages((page, signal) => must(api.GET("/notify/endpoints/", { params: { query: { page } }, signal })), [organization.id]);
    return <Page title={t.webhooks} lead={t.webhooksLead}>
        <Form class="card" submit={t.addEndpoint} send={async ({ url = "", events = "" }, form) => {
            setSecret((await must(api.POST("/notify/endpoints/", { body: { url, events: events.split(/[\s,]+/).filter(Boolean) } }))).secret);
            form.reset();
            endpoints.reload();
        }}>
            <Field name="url" label={t.endpointUrl} type="url" spellcheck={false} />
            <Field name="events" label={t.events} initial="*" spellcheck={false} hint={t.eventsHint} />
        </Form>
        {secret && <div class="notice good" role="status"><Copy label={t.secret} text={secret} /><p>{t.secretOnce}</p></div>}
        <Show of={endpoints}>{rows => <div class="stack">{rows.map(endpoint => <EndpointCard key={endpoint.id} endpoint={endpoint} changed={endpoints.reload} secret={setSecret} />)}</div>}</Show>
        <More left={endpoints.left} busy={endpoints.busy} more={endpoints.more} />
    </Page>;
}
