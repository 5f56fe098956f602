-- One customer.subscription.updated as pgbench sends it: the statements that the module sends for one, taken from
-- PostgreSQL's log when the benchmark begins (../webhooks.py), with these arguments. A line is a statement: how it begins,
-- then what stands for $1, $2, ...; their order, number and texts are checked. Where the module waits is for the script that
-- sends them in its batches.
-- Variables: :organizations, :payload (the body of an event), :run (another one in each run).
\set n random(1000, 999 + :organizations)
\set event random(1, 9000000000000000000)
\set created random(1, 1000000)
BEGIN
INSERT INTO stripe_events | 'evt_' || :run || '_' || :event | 'customer.subscription.updated' | '2025-08-27.basil' | 'test' | :created | 'applied' | :payload
SELECT attempts, | 'evt_' || :run || '_' || :event | 'cus_bench_' || :n | 'sub_bench_' || :n | NULL | '00000000-0000-7000-8000-' || 100000000000 + :n
SELECT set_config('role', 'none', true) | '00000000-0000-7000-8000-' || 100000000000 + :n
SELECT id FROM organizations | ('00000000-0000-7000-8000-' || 100000000000 + :n)::uuid
SELECT o.subscription_status, | ('00000000-0000-7000-8000-' || 100000000000 + :n)::uuid
wait
INSERT INTO subscriptions | ('00000000-0000-7000-8000-' || 100000000000 + :n)::uuid | 'sub_bench_' || :n | 'cus_bench_' || :n | 'active' | 'price_test_pro_monthly' | to_timestamp(2000000000 + :created) | to_timestamp(2000000000 + :created) | 'no' | to_timestamp(1700000000) | NULL | NULL | :created | 30
UPDATE organizations | ('00000000-0000-7000-8000-' || 100000000000 + :n)::uuid | 'active' | to_timestamp(1700000000) | to_timestamp(2000000000 + :created) | 'sub_bench_' || :n | 'active' | 'cus_bench_' || :n | 'price_test_pro_monthly'
SELECT set_config('role', 'saas_system', true)
INSERT INTO stripe_news | 'sub_bench_' || :n | '00000000-0000-7000-8000-' || 100000000000 + :n | to_timestamp(2000259200 + :created) | 5
UPDATE stripe_events | 'evt_' || :run || '_' || :event | 'applied' | '00000000-0000-7000-8000-' || 100000000000 + :n
COMMIT
