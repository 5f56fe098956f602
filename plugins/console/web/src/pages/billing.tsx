// What an organization pays for and what that gives, in plain words; the way to Stripe's pages and back.
import { useEffect, useState } from "preact/hooks";

import { api, asProblem, type CheckoutReturn, must, type Plan, type Problem, type Subscription, type Usage } from "../api";
import { isAdmin, membership, orgPath, PAYING } from "../organization";
import { called, given, priceOf, sold } from "../plans";
import { usePlace } from "../router";
import { refresh } from "../session";
import { date, number, t } from "../text";
import { Badge, checkout, Done, Link, Page, Refusal, Show, useAction, useLoad } from "../ui";

/* One sentence of how it stands; what is most pressing wins. */
function standing(name: string, subscription: Subscription): string {
    const { status, period_end, ends_at, grace, trial, cancel_scheduled } = subscription;
    return status === "free" ? t.standsFree
        : status === "canceled" ? t.standsCanceled(date(ends_at ?? period_end))
        : status === "expired" ? t.standsExpired
        : grace?.running ? t.standsGrace(date(grace.ends_at))
        : cancel_scheduled || ends_at ? t.standsEnds(name, date(ends_at ?? period_end))
        : trial?.running ? t.standsTrial(name, date(trial.ends_at))
        : period_end ? t.standsRenews(name, date(period_end)) : t.standsActive(name);
}

async function portal(): Promise<void> {
    sessionStorage.setItem(PAYING, orgPath("billing"));
    location.assign((await must(api.POST("/billing/portal-session/"))).portal_url);
}

function Offer({ plan, now, subscribed }: { plan: Plan; now: boolean; subscribed: boolean }) {
    const buy = useAction(checkout);
    return <section class="card"><h3>{called(plan.name)} {now && <Badge kind="active">{t.yourPlan}</Badge>}</h3>
        <ul>{given(plan).map(text => <li key={text}>{text}</li>)}</ul>
        {sold(plan).map(price => <p class="row" key={price.id}><strong>{priceOf(price)}</strong>{plan.seats && ` ${t.perMember}`}
            {isAdmin() && !subscribed && <button type="button" class="primary" aria-disabled={buy.busy} data-busy={buy.busy}
                onClick={() => !buy.busy && buy.run(price.id)}>{t.upgrade}</button>}</p>)}
        {buy.problem && <Refusal problem={buy.problem} />}
    </section>;
}

function Used({ usage }: { usage: Usage }) {
    const limits = usage.limits.filter(limit => limit.limit !== null || limit.used !== null);
    return limits.length ? <section><h2>{t.usage}</h2><dl class="facts">
        {limits.map(limit => [<dt key={limit.name}>{t.limitNames[limit.name as keyof typeof t.limitNames] ?? limit.name}</dt>,
            <dd key={limit.name + 1}>{limit.used === null ? t.atMost(number(limit.limit!)) : limit.limit === null ? number(limit.used) : t.usedOf(number(limit.used), number(limit.limit))}
                {limit.resets_at && <span class="muted"> {t.resets(date(limit.resets_at))}</span>}</dd>])}
    </dl></section> : null;
}

function Manage({ subscription }: { subscription: Subscription }) {
    const manage = useAction(portal);
    if (!isAdmin()) {
        return <p class="muted">{t.adminsPay}</p>;
    }
    return subscription.status === "free" ? null : <>
        <p><button type="button" class="primary" aria-disabled={manage.busy} data-busy={manage.busy} onClick={() => !manage.busy && manage.run()}>{t.manage}</button></p>
        <p class="muted">{t.manageMeans}</p>
        {manage.problem && <Refusal problem={manage.problem} />}
    </>;
}

const AFTER = [1, 3, 6, 10, 20];    // seconds

export function Billing() {
    const { organization } = membership();
    const all = useLoad(async signal => {
        const [subscription, usage, { plans }] = await Promise.all([
            must(api.GET("/billing/subscription/", { signal })), must(api.GET("/billing/usage/", { signal })), must(api.GET("/billing/plans/", { signal })),
        ]);
        return { subscription, usage, plans };
    }, [organization.id]);
    // Back from Stripe's pages: what was changed there is told by a webhook, which may take a moment longer than the way back.
    useEffect(() => {
        const timers = sessionStorage.getItem(PAYING) === null ? [] : AFTER.map(seconds => setTimeout(all.reload, seconds * 1000));
        sessionStorage.removeItem(PAYING);
        return () => timers.forEach(clearTimeout);
    }, []);
    return <Page title={t.billing}>
        <Show of={all}>{({ subscription, usage, plans }) => {
            const bought = plans.find(plan => plan.prices.some(price => price.id === subscription.price));
            const now = usage.plan ?? (subscription.has_active_subscription ? bought?.name ?? "premium" : "free");
            return <>
                <section class={subscription.grace?.running || subscription.status === "expired" ? "notice bad" : "notice"}>
                    <p><strong>{standing(called(bought?.name ?? usage.plan ?? "premium"), subscription)}</strong></p></section>
                <Manage subscription={subscription} />
                <Used usage={usage} />
                <h2>{t.plans}</h2>
                <div class="cards">{plans.map(plan => <Offer key={plan.name} plan={plan} now={plan.name === now} subscribed={subscription.has_active_subscription} />)}</div>
            </>;
        }}</Show>
    </Page>;
}

const AGAIN = 1000, PATIENCE = 60;

/** Where Stripe sends people who have paid, usually before its word of it has arrived: that is waited for, and said. */
export function Return() {
    const session = usePlace().query.get("session_id") ?? "";
    const [checkoutNow, setNow] = useState<CheckoutReturn>();
    const [problem, setProblem] = useState<Problem>();
    const [round, setRound] = useState(0);
    const over = checkoutNow?.webhook_received || checkoutNow?.status === "expired";
    useEffect(() => {
        let timer = 0;
        const again = () => { timer = setTimeout(() => setRound(count => count + 1), AGAIN); };
        must(api.GET("/billing/return/", { params: { query: { session_id: session } } })).then(async found => {
            setProblem(undefined);
            if (found.webhook_received) {
                await refresh();
            }
            else if (found.status !== "expired" && round < PATIENCE) {
                again();
            }
            setNow(found);
        }).catch(failure => {
            const why = asProblem(failure);
            setProblem(why);
            if (why.passes && round < PATIENCE) {
                again();
            }
        });
        return () => clearTimeout(timer);
    }, [session, round]);
    const root = checkoutNow && `/o/${checkoutNow.organization.slug}/`;
    const on = root && <p class="row"><Link class="button" to={root}>{t.goOn}</Link><Link to={root + "billing"}>{t.billing}</Link></p>;
    return <Page title={t.returnTitle} {...checkoutNow ? { lead: checkoutNow.organization.name } : {}}>
        {problem && <Refusal problem={problem} again={() => setRound(0)} />}
        {!problem && !over && <div role="status"><p>{round < PATIENCE ? t.waitingForStripe : t.stillWaiting}</p>{round < PATIENCE && <progress aria-label={t.progress} />}</div>}
        {checkoutNow?.webhook_received && (checkoutNow.has_active_subscription ? <Done><p>{t.paid}</p></Done> : <div class="notice bad" role="status"><p>{t.notPaid}</p></div>)}
        {checkoutNow?.status === "expired" && !checkoutNow.webhook_received && <div class="notice bad" role="status"><p>{t.notPaid}</p></div>}
        {(over || round >= PATIENCE) && on}
    </Page>;
}

