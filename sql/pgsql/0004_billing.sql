-- What Stripe has told us, and what we have asked of it.

CREATE TABLE subscriptions (
    org_id               uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                   text NOT NULL,             -- sub_…
    customer_id          text NOT NULL,
    status               text NOT NULL,             -- Stripe's own word
    price_id             text,
    period_end           timestamptz,
    cancel_at            timestamptz,
    cancel_at_period_end boolean NOT NULL DEFAULT false,
    started_at           timestamptz,
    ended_at             timestamptz,
    past_due_since       timestamptz,
    last_event_created   bigint NOT NULL DEFAULT 0, -- Stripe's clock, seconds
    last_event_rank      integer NOT NULL DEFAULT 0,
    updated_at           timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE checkout_sessions (
    org_id      uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id          text NOT NULL,                      -- cs_…
    price_id    text NOT NULL,
    url         text NOT NULL,
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'complete', 'expired')),
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX checkout_sessions_open ON checkout_sessions (org_id, price_id, expires_at) WHERE status = 'open';

-- Directory: which organization a Stripe object that we created or bound
-- belongs to (cus_…, sub_…, cs_…).
CREATE TABLE stripe_bindings (
    stripe_id       text PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    created_at      timestamptz NOT NULL
);
CREATE INDEX stripe_bindings_organization ON stripe_bindings (organization_id);

-- Every delivery.  The primary key is what makes an event apply once.
CREATE TABLE stripe_events (
    id              text PRIMARY KEY,
    type            text NOT NULL,
    api_version     text,
    livemode        boolean NOT NULL DEFAULT false,
    created         bigint NOT NULL,
    organization_id uuid,
    verdict         text NOT NULL,                  -- applied, ignored:<why>, refused:<why>
    error           text,
    attempts        integer NOT NULL DEFAULT 1,
    payload         text NOT NULL,
    received_at     timestamptz NOT NULL
);
CREATE INDEX stripe_events_received ON stripe_events (received_at);

GRANT SELECT, INSERT, UPDATE ON stripe_events TO saas_system;
GRANT SELECT, INSERT, DELETE ON stripe_bindings TO saas_system;
CALL saas_make_tenant_table('subscriptions', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
CALL saas_make_tenant_table('checkout_sessions', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
