'use strict';
/*
 * Runs Stripe's official client against the sandbox: what it sends must be
 * accepted, what it gets must be understood, and its retries and error classes
 * must come out as against Stripe itself. The reference is the client; a failure
 * here is the sandbox's fault.
 *
 * Environment: SANDBOX_URL, SECRET_KEY, WEBHOOK_SECRET. The sandbox is reset first.
 */
const assert = require('node:assert/strict');
const http = require('node:http');
const { after, before, beforeEach, test } = require('node:test');
const Stripe = require('stripe');

const { SANDBOX_URL, SECRET_KEY, WEBHOOK_SECRET } = process.env;
assert.ok(SANDBOX_URL && SECRET_KEY && WEBHOOK_SECRET,
    'SANDBOX_URL, SECRET_KEY and WEBHOOK_SECRET must be set');
const base = new URL(SANDBOX_URL);

function client(options = {}) {
    return new Stripe(options.key || SECRET_KEY, {
        protocol: 'http', host: base.hostname, port: Number(base.port),
        maxNetworkRetries: 2, timeout: 10000, telemetry: false, ...options.config,
    });
}

async function control(method, path, body) {
    const reply = await fetch(new URL('/_sandbox/' + path, base), {
        method, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await reply.json();
    assert.equal(reply.status, 200, JSON.stringify(answer));
    return answer;
}

const fault = (spec) => control('POST', 'faults', spec);
const journal = async (path) => (await control('GET', 'requests?path=' + path)).requests;

const stripe = client();
const received = [];
let receiver;
let price;

before(async () => {
    receiver = http.createServer((request, response) => {
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => {
            received.push({ body: Buffer.concat(chunks), headers: request.headers });
            response.end('ok');
        });
    });
    await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
});

after(() => {
    receiver.closeAllConnections();
    receiver.close();
});

beforeEach(async () => {
    await control('POST', 'reset');
    await control('POST', 'config', {
        webhook_url: `http://127.0.0.1:${receiver.address().port}/hook`,
        webhook_secret: WEBHOOK_SECRET, enabled_events: ['*'],
    });
    price = (await control('GET', 'state')).prices[0].id;
    received.length = 0;
});

function checkoutParams(customer) {
    return {
        mode: 'subscription', customer, client_reference_id: 'org-42',
        line_items: [{ price, quantity: 1 }],
        success_url: 'https://app.example.test/return?session_id={CHECKOUT_SESSION_ID}',
        cancel_url: 'https://app.example.test/billing?a=1&b=two%20words+plus',
        metadata: { org_id: 'org-42' },
        subscription_data: { metadata: { org_id: 'org-42' } },
    };
}

async function subscribed() {
    const customer = await stripe.customers.create({ email: 'owner@example.test' });
    const session = await stripe.checkout.sessions.create(checkoutParams(customer.id));
    const paid = await fetch(session.url + '/pay', { method: 'POST', redirect: 'manual' });
    assert.equal(paid.status, 303);
    const done = await stripe.checkout.sessions.retrieve(session.id);
    return { customer, session: done, location: paid.headers.get('location') };
}

test('customers: create, read, update, list, delete', async () => {
    const made = await stripe.customers.create({
        email: 'zoë+tag@example.test', name: 'Zoë Müller & Söhne', metadata: { org_id: '42', b: 'x' },
    });
    assert.match(made.id, /^cus_/);
    assert.equal(made.email, 'zoë+tag@example.test');
    assert.match(made.lastResponse.requestId, /^req_/);
    assert.equal(made.lastResponse.apiVersion, Stripe.API_VERSION || stripe.getApiField('version'));
    const read = await stripe.customers.retrieve(made.id);
    assert.equal(read.name, 'Zoë Müller & Söhne');
    const changed = await stripe.customers.update(made.id, { name: '', metadata: { b: '' } });
    assert.equal(changed.name, null);
    assert.deepEqual(changed.metadata, { org_id: '42' });
    const listed = await stripe.customers.list({ email: 'zoë+tag@example.test' });
    assert.deepEqual(listed.data.map((row) => row.id), [made.id]);
    assert.deepEqual(await stripe.customers.del(made.id).then((r) => r.deleted), true);
    assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
    await assert.rejects(stripe.checkout.sessions.create(checkoutParams(made.id)),
        (error) => error instanceof Stripe.errors.StripeInvalidRequestError
            && error.statusCode === 400 && error.code === 'resource_missing'
            && error.param === 'customer');
});

test('lists: auto-pagination walks every page', async () => {
    const ids = [];
    for (let i = 0; i < 7; i++) {
        ids.push((await stripe.customers.create({ email: `c${i}@example.test` })).id);
    }
    const walked = [];
    for await (const row of stripe.customers.list({ limit: 3 })) {
        walked.push(row.id);
    }
    assert.deepEqual(walked, ids.reverse());
});

test('checkout: create, read, expand, expire', async () => {
    const customer = await stripe.customers.create({ email: 'owner@example.test' });
    const made = await stripe.checkout.sessions.create({
        ...checkoutParams(customer.id), expand: ['line_items', 'customer'],
    });
    assert.match(made.id, /^cs_test_/);
    assert.equal(made.status, 'open');
    assert.equal(made.payment_status, 'unpaid');
    assert.equal(made.customer.id, customer.id);
    assert.equal(made.line_items.data[0].price.id, price);
    assert.equal(made.cancel_url, 'https://app.example.test/billing?a=1&b=two%20words+plus');
    const read = await stripe.checkout.sessions.retrieve(made.id);
    assert.equal(read.url, made.url);
    assert.equal(read.client_reference_id, 'org-42');
    assert.equal((await stripe.checkout.sessions.expire(made.id)).status, 'expired');
    await assert.rejects(stripe.checkout.sessions.expire(made.id),
        Stripe.errors.StripeInvalidRequestError);
});

test('paying: subscription, invoice and the redirect', async () => {
    const { customer, session, location } = await subscribed();
    assert.equal(location, `https://app.example.test/return?session_id=${session.id}`);
    assert.equal(session.status, 'complete');
    assert.equal(session.payment_status, 'paid');
    const sub = await stripe.subscriptions.retrieve(session.subscription,
        { expand: ['latest_invoice', 'customer'] });
    assert.equal(sub.status, 'active');
    assert.equal(sub.customer.id, customer.id);
    assert.deepEqual(sub.metadata, { org_id: 'org-42' });
    assert.ok(sub.items.data[0].current_period_end > sub.created);
    assert.equal(sub.current_period_end, undefined);
    assert.equal(sub.latest_invoice.status, 'paid');
    const listed = await stripe.subscriptions.list({ customer: customer.id, status: 'all' });
    assert.deepEqual(listed.data.map((row) => row.id), [sub.id]);
});

test('subscriptions: schedule a cancel, take it back, cancel', async () => {
    const { session } = await subscribed();
    const id = session.subscription;
    const scheduled = await stripe.subscriptions.update(id, { cancel_at_period_end: true });
    assert.equal(scheduled.cancel_at_period_end, true);
    assert.equal(scheduled.cancel_at, scheduled.items.data[0].current_period_end);
    const resumed = await stripe.subscriptions.update(id, { cancel_at_period_end: false });
    assert.equal(resumed.cancel_at, null);
    const canceled = await stripe.subscriptions.cancel(id);
    assert.equal(canceled.status, 'canceled');
    assert.ok(canceled.ended_at > 0);
    await assert.rejects(stripe.subscriptions.cancel(id),
        (error) => error.statusCode === 404 && error.code === 'resource_missing');
    assert.equal((await stripe.subscriptions.retrieve(id)).status, 'canceled');
});

test('portal: a session with and without a flow', async () => {
    const { customer, session } = await subscribed();
    const plain = await stripe.billingPortal.sessions.create({
        customer: customer.id, return_url: 'https://app.example.test/billing',
    });
    assert.match(plain.id, /^bps_/);
    const flow = await stripe.billingPortal.sessions.create({
        customer: customer.id, return_url: 'https://app.example.test/billing',
        flow_data: { type: 'subscription_cancel',
            subscription_cancel: { subscription: session.subscription } },
    });
    const page = await (await fetch(flow.url)).text();
    assert.ok(page.includes(session.subscription));
});

test('prices and events', async () => {
    const read = await stripe.prices.retrieve(price, { expand: ['product'] });
    assert.equal(read.product.object, 'product');
    await subscribed();
    const events = await stripe.events.list({
        types: ['checkout.session.completed', 'invoice.paid'], delivery_success: true,
    });
    assert.deepEqual(events.data.map((row) => row.type),
        ['checkout.session.completed', 'invoice.paid']);
});

test('prices and products: lists, filters, pages', async () => {
    await control('POST', 'prices', { id: 'price_pro', amount: 2900, product: 'Pro', lookup_key: 'pro' });
    const found = await stripe.prices.list({ lookup_keys: ['pro'], active: true, expand: ['data.product'] });
    assert.deepEqual(found.data.map((row) => [row.id, row.unit_amount, row.product.name]),
        [['price_pro', 2900, 'Pro']]);
    const all = [];
    for await (const row of stripe.prices.list({ limit: 1 })) {
        all.push(row.id);
    }
    assert.deepEqual(all, ['price_pro', price]);
    assert.equal((await stripe.products.retrieve(found.data[0].product.id)).name, 'Pro');
    assert.equal((await stripe.products.list({ active: true })).data.length, 2);
});

test('subscriptions: quantity and price of an item', async () => {
    await control('POST', 'prices', { id: 'price_pro', amount: 2900, product: 'Pro' });
    const { session } = await subscribed();
    const { items } = await stripe.subscriptions.retrieve(session.subscription);
    const more = await stripe.subscriptions.update(session.subscription,
        { items: [{ id: items.data[0].id, quantity: 5 }], proration_behavior: 'create_prorations' });
    assert.equal(more.items.data[0].quantity, 5);
    const other = await stripe.subscriptions.update(session.subscription,
        { items: [{ id: items.data[0].id, price: 'price_pro' }] });
    assert.deepEqual([other.items.data[0].price.id, other.items.data[0].quantity], ['price_pro', 5]);
    await assert.rejects(stripe.subscriptions.update(session.subscription, { items: [{ id: 'si_none', quantity: 1 }] }),
        (error) => error.code === 'resource_missing' && error.param === 'items[0][id]');
});

const advance = (by) => control('POST', 'clock', { advance: by });

test('cards, subscriptions without a page, invoices', async () => {
    const customer = await stripe.customers.create({ email: 'owner@example.test' });
    const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price, quantity: 2 }],
        payment_behavior: 'default_incomplete', metadata: { org_id: '42' } });
    assert.equal(made.status, 'incomplete');
    await assert.rejects(stripe.invoices.pay(made.latest_invoice),
        (error) => error instanceof Stripe.errors.StripeCardError && error.code === 'card_declined');
    const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
    assert.equal((await stripe.invoices.pay(made.latest_invoice)).status, 'paid');
    assert.equal((await stripe.subscriptions.retrieve(made.id)).status, 'active');
    assert.deepEqual((await stripe.invoices.list({ subscription: made.id, status: 'paid' })).data
        .map((row) => row.amount_paid), [9800]);
    assert.deepEqual((await stripe.paymentMethods.list({ customer: customer.id })).data.map((row) => row.id),
        [card.id]);
    assert.equal((await stripe.subscriptions.pause(made.id)).status, 'paused');
    assert.equal((await stripe.subscriptions.resume(made.id)).status, 'active');
});

test('refunds: by payment intent and by charge', async () => {
    const { session } = await subscribed();
    const bill = await stripe.invoices.retrieve(session.invoice, { expand: ['payments'] });
    const intent = bill.payments.data[0].payment.payment_intent;
    const part = await stripe.refunds.create({ payment_intent: intent, amount: 900 });
    assert.equal(part.status, 'succeeded');
    const rest = await stripe.refunds.create({ charge: part.charge, reason: 'requested_by_customer' });
    assert.equal((await stripe.charges.retrieve(part.charge)).refunded, true);
    assert.deepEqual((await stripe.refunds.list({ charge: part.charge })).data.map((row) => row.id),
        [rest.id, part.id]);
    assert.equal((await stripe.refunds.retrieve(rest.id)).amount, 4000);
    assert.equal((await stripe.subscriptions.retrieve(session.subscription)).status, 'active');
    await assert.rejects(stripe.refunds.create({ charge: part.charge }),
        (error) => error.code === 'charge_already_refunded');
});

test('entitlements: features of a product, what a customer has', async () => {
    const { product } = await stripe.prices.retrieve(price);
    const feature = await stripe.entitlements.features.create({ lookup_key: 'export', name: 'Export' });
    const link = await stripe.products.createFeature(product, { entitlement_feature: feature.id });
    assert.equal(link.entitlement_feature.lookup_key, 'export');
    const { customer } = await subscribed();
    const has = await stripe.entitlements.activeEntitlements.list({ customer: customer.id, expand: ['data.feature'] });
    assert.deepEqual(has.data.map((row) => [row.lookup_key, row.feature.name]), [['export', 'Export']]);
    assert.equal((await stripe.products.listFeatures(product)).data.length, 1);
    await stripe.products.deleteFeature(product, link.id);
    assert.deepEqual((await stripe.entitlements.activeEntitlements.list({ customer: customer.id })).data, []);
    assert.equal((await stripe.entitlements.features.update(feature.id, { active: false })).active, false);
    assert.equal((await stripe.entitlements.features.list({ lookup_key: 'export' })).data.length, 1);
});

test('portal flows: pause, update, confirm', async () => {
    await control('POST', 'prices', { id: 'price_pro', amount: 2900, product: 'Pro' });
    const { customer, session } = await subscribed();
    const sub = await stripe.subscriptions.retrieve(session.subscription);
    for (const flow of [
        { type: 'payment_method_update' },
        { type: 'subscription_pause', subscription_pause: { subscription: sub.id } },
        { type: 'subscription_update', subscription_update: { subscription: sub.id } },
        { type: 'subscription_update_confirm', subscription_update_confirm: { subscription: sub.id,
            items: [{ id: sub.items.data[0].id, price: 'price_pro', quantity: 2 }] } },
    ]) {
        const made = await stripe.billingPortal.sessions.create({ customer: customer.id, flow_data: flow });
        assert.equal(made.flow.type, flow.type);
        assert.equal((await fetch(made.url)).status, 200);
    }
});

test('the clock: weeks pass, every event that comes is signed and listed', async () => {
    await control('POST', 'prices', { id: 'price_week', interval: 'week' });
    price = 'price_week';
    const { session } = await subscribed();
    received.length = 0;
    await advance('22d');
    const events = received.map(({ body, headers }) =>
        stripe.webhooks.constructEvent(body, headers['stripe-signature'], WEBHOOK_SECRET));
    assert.deepEqual(events.map((event) => event.type).filter((type) => type.startsWith('invoice')),
        ['invoice.paid', 'invoice.paid', 'invoice.paid']);
    assert.deepEqual(events.map((event) => event.created), events.map((event) => event.created).sort((a, b) => a - b));
    const listed = await stripe.events.list({ created: { gte: events[0].created }, types: ['invoice.paid'], limit: 2 });
    assert.equal(listed.has_more, true);
    const rest = await stripe.events.list({ created: { gte: events[0].created }, types: ['invoice.paid'],
        starting_after: listed.data[1].id });
    assert.equal(rest.data.length, 1);
    const back = await stripe.events.list({ types: ['invoice.paid'], ending_before: rest.data[0].id });
    assert.deepEqual(back.data.map((row) => row.id), listed.data.map((row) => row.id));
    assert.deepEqual(await stripe.events.retrieve(rest.data[0].id).then((row) => row.type), 'invoice.paid');
    assert.equal((await stripe.subscriptions.retrieve(session.subscription)).status, 'active');
});

test('webhooks that were lost are found in the list of events', async () => {
    await control('POST', 'config', { lose: 'all' });
    const { session } = await subscribed();
    assert.deepEqual(received, []);
    const missed = await stripe.events.list({ delivery_success: false, type: 'checkout.session.*' });
    assert.deepEqual(missed.data.map((row) => row.data.object.id), [session.id]);
});

test('idempotency: replay, conflict, and one customer from a retried call', async () => {
    const options = { idempotencyKey: 'org42-customer' };
    const first = await stripe.customers.create({ email: 'a@example.test' }, options);
    const again = await stripe.customers.create({ email: 'a@example.test' }, options);
    assert.equal(again.id, first.id);
    assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
    await assert.rejects(stripe.customers.create({ email: 'b@example.test' }, options),
        (error) => error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 400);

    await fault({ match: { method: 'POST', path: '/v1/customers' }, do: 'drop', execute: true });
    const kept = await stripe.customers.create({ email: 'c@example.test' });
    assert.equal((await stripe.customers.list({ email: 'c@example.test' })).data.length, 1);
    assert.equal(kept.lastResponse.headers['idempotent-replayed'], 'true');
});

test('error classes', async () => {
    const customer = await stripe.customers.create({});
    const good = checkoutParams(customer.id);
    const wrong = [
        [{ ...good, payment_method_types: ['card'] }, 'parameter_unknown', 'payment_method_types'],
        [{ ...good, nonsense: 1 }, 'parameter_unknown', 'nonsense'],
        [{ ...good, ui_mode: 'hosted' }, undefined, 'ui_mode'],
        [{ ...good, success_url: undefined }, 'parameter_missing', 'success_url'],
        [{ ...good, success_url: 'nowhere' }, 'url_invalid', 'success_url'],
        [{ ...good, customer: 'cus_gone' }, 'resource_missing', 'customer'],
        [{ ...good, customer_email: 'a@b.c' }, 'parameters_exclusive', 'customer'],
        [{ ...good, line_items: [{ price: 'price_x', quantity: 1 }] }, 'resource_missing',
            'line_items[0][price]'],
        [{ ...good, line_items: [{ price, quantity: 'x' }] }, 'parameter_invalid_integer',
            'line_items[0][quantity]'],
        [{ ...good, mode: 'other' }, undefined, 'mode'],
        [{ ...good, metadata: { 'weird [key]': 'v' } }, undefined, 'metadata'],
        [{ ...good, expand: ['nothing'] }, 'property_expansion_invalid', 'expand'],
    ];
    for (const [params, code, param] of wrong) {
        await assert.rejects(stripe.checkout.sessions.create(params), (error) => {
            assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError, error.message);
            assert.deepEqual([error.statusCode, error.code, error.param], [400, code, param]);
            assert.match(error.requestId, /^req_/);
            return true;
        });
    }
    await assert.rejects(stripe.customers.retrieve('cus_none'),
        (error) => error.statusCode === 404 && error.code === 'resource_missing');
    await assert.rejects(client({ key: 'sk_test_wrong_key_0000' }).customers.create({}), (error) =>
        error instanceof Stripe.errors.StripeAuthenticationError && error.statusCode === 401
        && !error.message.includes('wrong_key'));
    await assert.rejects(stripe.customers.create({}, { stripeAccount: 'acct_1' }),
        Stripe.errors.StripePermissionError);
});

// The client's own rule: which replies it tries again, and what it makes of the last one.
const RETRIES = [
    [{ status: 400 }, 1, 1, 'StripeInvalidRequestError'],
    [{ status: 401 }, 1, 1, 'StripeAuthenticationError'],
    [{ status: 402 }, 1, 1, 'StripeCardError'],
    [{ status: 403 }, 1, 1, 'StripePermissionError'],
    [{ status: 429 }, 1, 1, 'StripeRateLimitError'],
    [{ status: 429, headers: { 'Stripe-Should-Retry': 'true' } }, 1, 2, null],
    [{ status: 409 }, 1, 2, null],
    [{ status: 500 }, 1, 2, null],
    [{ status: 503 }, 1, 2, null],
    [{ status: 500, headers: { 'Stripe-Should-Retry': 'false' } }, 1, 1, 'StripeAPIError'],
    [{ status: 500 }, 5, 3, 'StripeAPIError'],
    [{ status: 502, body: '<html>Bad gateway</html>' }, 5, 3, 'StripeAPIError'],
    [{ do: 'drop' }, 1, 2, null],
    [{ do: 'drop' }, 5, 3, 'StripeConnectionError'],
    [{ do: 'garbage' }, 1, 2, null],
];

for (const [spec, times, attempts, failure] of RETRIES) {
    test(`retries: ${JSON.stringify(spec)} × ${times}`, async () => {
        await fault({ match: { method: 'POST', path: '/v1/customers' }, do: 'status', ...spec, times });
        const call = stripe.customers.create({ email: 'r@example.test' });
        if (failure) {
            await assert.rejects(call, (error) => {
                assert.equal(error.type, failure);
                return true;
            });
        } else {
            assert.match((await call).id, /^cus_/);
        }
        const tries = await journal('/v1/customers');
        assert.equal(tries.length, attempts);
        assert.equal(new Set(tries.map((row) => row.headers['idempotency-key'])).size, 1);
        assert.ok(tries[0].headers['idempotency-key']);
    });
}

test('a reply cut in the middle and a hanging server do not pass for success', async () => {
    const impatient = client({ config: { maxNetworkRetries: 0, timeout: 400 } });
    await fault({ match: { path: '/v1/customers' }, do: 'cut' });
    await assert.rejects(impatient.customers.create({}), Stripe.errors.StripeError);
    await fault({ match: { path: '/v1/customers' }, do: 'hang', seconds: 2 });
    await assert.rejects(impatient.customers.create({}), Stripe.errors.StripeConnectionError);
    await fault({ match: { path: '/v1/customers' }, do: 'delay', seconds: 2 });
    await assert.rejects(impatient.customers.create({}), Stripe.errors.StripeConnectionError);
});

test('webhooks: every delivered payload passes constructEvent', async () => {
    const { session } = await subscribed();
    const types = received.map(({ body, headers }) => {
        const event = stripe.webhooks.constructEvent(body, headers['stripe-signature'], WEBHOOK_SECRET);
        assert.throws(() => stripe.webhooks.constructEvent(body, headers['stripe-signature'],
            WEBHOOK_SECRET + 'x'), Stripe.errors.StripeSignatureVerificationError);
        assert.throws(() => stripe.webhooks.constructEvent(body + ' ', headers['stripe-signature'],
            WEBHOOK_SECRET), Stripe.errors.StripeSignatureVerificationError);
        return event.type;
    }).filter((type) => type !== 'customer.created');
    assert.deepEqual(types, ['customer.subscription.created', 'customer.subscription.updated',
        'invoice.paid', 'checkout.session.completed']);
    const last = JSON.parse(received.at(-1).body);
    assert.equal(last.data.object.id, session.id);
});
