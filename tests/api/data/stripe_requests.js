'use strict';
/*
 * Prints stripe_requests.json: what Stripe's official client for Node sends for the calls that the billing plugin makes,
 * as a listener receives them. Not run by the tests; for the next version of the client:
 *
 *     NODE_PATH=build/npm/node_modules node tests/api/data/stripe_requests.js > tests/api/data/stripe_requests.json
 */
const http = require('node:http');
const Stripe = require('stripe');

const app = 'https://app.example.test/billing';
const session = {
    mode: 'subscription', customer: 'cus_123', client_reference_id: '42', line_items: [{ price: 'price_1', quantity: 1 }],
    success_url: app + '/return?session_id={CHECKOUT_SESSION_ID}', cancel_url: app,
    metadata: { org_id: '42' }, subscription_data: { metadata: { org_id: '42' } },
};
const calls = {
    customer_create: s => s.customers.create({ name: 'Zoë Müller & Söhne', metadata: { org_id: '42' } }, { idempotencyKey: 'k' }),
    checkout_plain: s => s.checkout.sessions.create(session, { idempotencyKey: 'k' }),
    checkout_all: s => s.checkout.sessions.create({
        ...session, line_items: [{ price: 'price_1', quantity: 7 }], payment_method_collection: 'if_required', allow_promotion_codes: true,
        subscription_data: {
            ...session.subscription_data, trial_period_days: 14,
            trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
        },
        automatic_tax: { enabled: true }, tax_id_collection: { enabled: true }, customer_update: { name: 'auto', address: 'auto' },
        billing_address_collection: 'required',
    }, { idempotencyKey: 'k' }),
    checkout_retrieve: s => s.checkout.sessions.retrieve('cs_test_1', { expand: ['subscription'] }),
    checkout_expire: s => s.checkout.sessions.expire('cs_test_1', {}, { idempotencyKey: 'k' }),
    portal_session: s => s.billingPortal.sessions.create({ customer: 'cus_123', return_url: app }, { idempotencyKey: 'k' }),
    subscription_retrieve: s => s.subscriptions.retrieve('sub_1'),
    subscription_list: s => s.subscriptions.list({ customer: 'cus_123', status: 'all', limit: 100 }),
    subscription_seats: s => s.subscriptions.update('sub_1', { items: [{ id: 'si_1', quantity: 2 }] }, { idempotencyKey: 'k' }),
    subscription_cancel: s => s.subscriptions.cancel('sub_1'),
};

const server = http.createServer(async (request, reply) => {
    const body = [];
    for await (const part of request) {
        body.push(part);
    }
    server.last = { method: request.method, path: request.url, headers: request.headers, body: Buffer.concat(body).toString() };
    reply.setHeader('Content-Type', 'application/json');
    reply.end('{}');
});

server.listen(0, '127.0.0.1', async () => {
    const stripe = new Stripe('sk_test_123', { protocol: 'http', host: '127.0.0.1', port: server.address().port, telemetry: false });
    const requests = {};
    for (const [name, call] of Object.entries(calls)) {
        await call(stripe);
        const { host, connection, 'content-length': length, 'user-agent': agent, 'x-stripe-client-user-agent': client, ...headers } = server.last.headers;
        requests[name] = { ...server.last, headers };
    }
    console.log(JSON.stringify({
        about: 'What the npm package stripe, ' + Stripe.PACKAGE_VERSION + ', sends; printed by stripe_requests.js.', requests,
    }, null, 1));
    server.close();
});
