-- What the webhooks plugin asks of the database for one customer.subscription.updated (plugins/webhooks/webhooks.c,
-- apply.c), in its order and with the settings that the driver puts before it; nothing is left out or joined.
-- Variables: :organizations, :payload (the body of an event), :run (another one in each run).
\set n random(1000, 999 + :organizations)
\set event random(1, 9000000000000000000)
\set created random(1, 1000000)
BEGIN;
INSERT INTO stripe_events (id, type, api_version, livemode, created, verdict, payload, received_at) VALUES ('evt_' || :run || '_' || :event, 'customer.subscription.updated', '2025-08-27.basil', CASE WHEN 'test'::text = 'live' THEN TRUE ELSE FALSE END, :created::bigint, 'applied', :payload, now()) ON CONFLICT (id) DO UPDATE SET attempts = stripe_events.attempts + 1;
SELECT attempts, NULL AS stripe_id, NULL AS organization_id FROM stripe_events WHERE id = 'evt_' || :run || '_' || :event UNION ALL SELECT 0, stripe_id, organization_id FROM stripe_bindings WHERE stripe_id IN ('cus_bench_' || :n, 'sub_bench_' || :n, NULL) UNION ALL SELECT 0, 'metadata', id FROM organizations WHERE id = ('00000000-0000-7000-8000-' || 100000000000 + :n)::uuid ORDER BY 1 DESC \aset
SELECT set_config('role', 'none', true), set_config('saas.organization', :organization_id, true);
SELECT id FROM organizations WHERE id = :organization_id FOR UPDATE;
SELECT o.subscription_status, o.subscription_started_at, o.subscription_ends_at, o.stripe_customer_id, o.stripe_subscription_id, o.stripe_status, s.id, s.customer_id, s.status, s.price_id, s.period_end, s.cancel_at, s.cancel_at_period_end, s.started_at, s.ended_at, s.past_due_since, s.last_event_created, s.last_event_rank FROM organizations o LEFT JOIN subscriptions s ON s.org_id = o.id WHERE o.id = :organization_id;
INSERT INTO subscriptions (org_id, id, customer_id, status, price_id, period_end, cancel_at, cancel_at_period_end, started_at, ended_at, past_due_since, last_event_created, last_event_rank, updated_at) VALUES (:organization_id, 'sub_bench_' || :n, 'cus_bench_' || :n, 'active', 'price_test_pro_monthly', to_timestamp(2000000000 + :created), to_timestamp(2000000000 + :created), CASE WHEN 'no'::text = 'yes' THEN TRUE ELSE FALSE END, to_timestamp(1700000000), NULL, NULL, :created::bigint, 30, now()) ON CONFLICT (org_id, id) DO UPDATE SET customer_id = excluded.customer_id, status = excluded.status, price_id = excluded.price_id, period_end = excluded.period_end, cancel_at = excluded.cancel_at, cancel_at_period_end = excluded.cancel_at_period_end, started_at = excluded.started_at, ended_at = excluded.ended_at, past_due_since = excluded.past_due_since, last_event_created = excluded.last_event_created, last_event_rank = excluded.last_event_rank, updated_at = excluded.updated_at;
UPDATE organizations SET subscription_status = 'active', subscription_started_at = to_timestamp(1700000000), subscription_ends_at = to_timestamp(2000000000 + :created), stripe_subscription_id = 'sub_bench_' || :n, stripe_status = 'active', stripe_customer_id = 'cus_bench_' || :n, updated_at = now() WHERE id = :organization_id;
SELECT set_config('role', 'saas_system', true);
UPDATE stripe_events SET verdict = 'applied', organization_id = :organization_id::uuid WHERE id = 'evt_' || :run || '_' || :event;
COMMIT;
