-- What Stripe has told us, and what we have asked of it.

CREATE TABLE subscriptions (
    org_id               TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                   TEXT NOT NULL,             -- sub_…
    customer_id          TEXT NOT NULL,
    status               TEXT NOT NULL,             -- Stripe's own word
    price_id             TEXT,
    period_end           TEXT,
    cancel_at            TEXT,
    cancel_at_period_end INTEGER NOT NULL DEFAULT 0 CHECK (cancel_at_period_end IN (0, 1)),
    started_at           TEXT,
    ended_at             TEXT,
    past_due_since       TEXT,
    last_event_created   INTEGER NOT NULL DEFAULT 0, -- Stripe's clock, seconds
    last_event_rank      INTEGER NOT NULL DEFAULT 0,
    updated_at           TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) WITHOUT ROWID;

CREATE TABLE checkout_sessions (
    org_id      TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id          TEXT NOT NULL,                      -- cs_…
    price_id    TEXT NOT NULL,
    url         TEXT NOT NULL,
    status      TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'complete', 'expired')),
    created_by  TEXT,
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) WITHOUT ROWID;
CREATE INDEX checkout_sessions_open ON checkout_sessions (org_id, price_id, expires_at) WHERE status = 'open';

-- Directory: which organization a Stripe object that we created or bound
-- belongs to (cus_…, sub_…, cs_…).
CREATE TABLE stripe_bindings (
    stripe_id       TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    created_at      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX stripe_bindings_organization ON stripe_bindings (organization_id);

-- Every delivery.  The primary key is what makes an event apply once.
CREATE TABLE stripe_events (
    id              TEXT PRIMARY KEY NOT NULL,
    type            TEXT NOT NULL,
    api_version     TEXT,
    livemode        INTEGER NOT NULL DEFAULT 0 CHECK (livemode IN (0, 1)),
    created         INTEGER NOT NULL,
    organization_id TEXT,
    verdict         TEXT NOT NULL,                  -- applied, ignored:<why>, refused:<why>
    error           TEXT,
    attempts        INTEGER NOT NULL DEFAULT 1,
    payload         TEXT NOT NULL,
    received_at     TEXT NOT NULL
);
CREATE INDEX stripe_events_received ON stripe_events (received_at);
