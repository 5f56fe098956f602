-- Plans: which price gives an organization its access, and what Stripe's own
-- entitlements say. The change feed tells of both.
ALTER TABLE organizations ADD COLUMN subscription_price TEXT; -- of the subscription that gives access
ALTER TABLE organizations ADD COLUMN stripe_features TEXT;    -- lookup keys, a blank before, between and behind
ALTER TABLE organizations ADD COLUMN stripe_features_at INTEGER NOT NULL DEFAULT 0; -- Stripe's clock, seconds
UPDATE organizations SET subscription_price =
    (SELECT s.price_id FROM subscriptions s WHERE s.org_id = organizations.id AND s.id = organizations.stripe_subscription_id)
WHERE stripe_subscription_id IS NOT NULL;

DROP TRIGGER organizations_changed;
CREATE TRIGGER organizations_changed AFTER UPDATE ON organizations
WHEN (OLD.id, OLD.name, OLD.slug, OLD.deleted_at, OLD.subscription_status, OLD.subscription_ends_at,
      OLD.subscription_price, OLD.stripe_features)
     IS NOT (NEW.id, NEW.name, NEW.slug, NEW.deleted_at, NEW.subscription_status, NEW.subscription_ends_at,
             NEW.subscription_price, NEW.stripe_features)
BEGIN
    INSERT INTO principal_changes (subject)
        VALUES (CASE WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN '*' ELSE 'o:' || OLD.id END);
END;

-- What of a plan's limits is used up. The constraint is what refuses: in the
-- transaction of the write, whoever else writes.
CREATE TABLE usage (
    org_id  TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name    TEXT NOT NULL,
    period  TEXT NOT NULL,                          -- 2026-11, 2026-11-27, or all
    used    INTEGER NOT NULL,
    most    INTEGER,                                -- as of the last write; NULL: no limit
    PRIMARY KEY (org_id, name, period),
    CONSTRAINT usage_within_plan CHECK (most IS NULL OR used <= most)
) WITHOUT ROWID;

PRAGMA user_version = 15;
