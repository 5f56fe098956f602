-- When news of an object of Stripe's is due, and when Stripe is asked for it: a
-- webhook may get lost. One row for each subscription that can still change, for
-- each customer (asked for its subscriptions), and for each open checkout.
CREATE TABLE stripe_news (
    stripe_id       text PRIMARY KEY,               -- sub_…, cus_…, cs_…
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    due_at          timestamptz,                    -- by then Stripe should have said something; NULL: nothing is expected
    ask_at          timestamptz NOT NULL,
    told_at         timestamptz,                    -- the last event of it
    asked_at        timestamptz,                    -- when Stripe was asked last, and answered
    failures        integer NOT NULL DEFAULT 0,     -- askings without an answer, in a row
    error           text                            -- of the last of them
);
CREATE INDEX stripe_news_ask ON stripe_news (ask_at);
CREATE INDEX stripe_news_due ON stripe_news (due_at);
CREATE INDEX stripe_news_organization ON stripe_news (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON stripe_news TO saas_system;

-- What is there already is asked for once, at the rate that the server allows itself.
INSERT INTO stripe_news (stripe_id, organization_id, due_at, ask_at)
SELECT id, org_id, period_end + interval '3 days', updated_at
FROM subscriptions WHERE id <> customer_id AND status NOT IN ('canceled', 'incomplete_expired')
ON CONFLICT DO NOTHING;
INSERT INTO stripe_news (stripe_id, organization_id, ask_at)
SELECT stripe_customer_id, id, updated_at
FROM organizations WHERE stripe_customer_id IS NOT NULL AND deleted_at IS NULL
ON CONFLICT DO NOTHING;

-- What an asking has changed, in words.
ALTER TABLE stripe_events ADD COLUMN detail text;
