-- Trials that Stripe knows nothing of: an organization's own, from when and
-- until when. NULL: it has had none. While nothing else gives access longer, the
-- trial's end is subscription_ends_at, too. The change feed tells of both, and of
-- Stripe's trials.
ALTER TABLE organizations ADD COLUMN trial_started_at TEXT;
ALTER TABLE organizations ADD COLUMN trial_ends_at TEXT;
-- When an organization of theirs was given one: there is one for each user.
ALTER TABLE users ADD COLUMN trial_given_at TEXT;

DROP TRIGGER organizations_changed;
CREATE TRIGGER organizations_changed AFTER UPDATE ON organizations
WHEN (OLD.id, OLD.name, OLD.slug, OLD.deleted_at, OLD.subscription_status, OLD.subscription_ends_at,
      OLD.subscription_price, OLD.stripe_features, OLD.stripe_status, OLD.trial_ends_at)
     IS NOT (NEW.id, NEW.name, NEW.slug, NEW.deleted_at, NEW.subscription_status, NEW.subscription_ends_at,
             NEW.subscription_price, NEW.stripe_features, NEW.stripe_status, NEW.trial_ends_at)
BEGIN
    INSERT INTO principal_changes (subject)
        VALUES (CASE WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN '*' ELSE 'o:' || OLD.id END);
END;

-- Sales that did not begin here. A row is where the checkout session, which says
-- for which organization the buyer has paid, and the subscription's own events,
-- which say what was bought, meet: whichever comes second binds, and waits for
-- the other's commit.
CREATE TABLE stripe_claims (
    subscription_id TEXT PRIMARY KEY NOT NULL,
    customer_id     TEXT,
    organization_id TEXT REFERENCES organizations ON DELETE CASCADE, -- NULL: no session has come
    buyer           TEXT,                           -- address of mail
    created_at      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX stripe_claims_organization ON stripe_claims (organization_id);

-- What an event that is nobody's was about: it is applied again once that is known.
ALTER TABLE stripe_events ADD COLUMN customer_id TEXT;
ALTER TABLE stripe_events ADD COLUMN subscription_id TEXT;
CREATE INDEX stripe_events_customer ON stripe_events (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX stripe_events_subscription ON stripe_events (subscription_id) WHERE subscription_id IS NOT NULL;

PRAGMA user_version = 16;
