-- Plans: which price gives an organization its access, and what Stripe's own
-- entitlements say. The change feed tells of both.
ALTER TABLE organizations ADD COLUMN subscription_price text; -- of the subscription that gives access
ALTER TABLE organizations ADD COLUMN stripe_features text;    -- lookup keys, a blank before, between and behind
ALTER TABLE organizations ADD COLUMN stripe_features_at bigint NOT NULL DEFAULT 0; -- Stripe's clock, seconds
UPDATE organizations o SET subscription_price =
    (SELECT s.price_id FROM subscriptions s WHERE s.org_id = o.id AND s.id = o.stripe_subscription_id)
WHERE stripe_subscription_id IS NOT NULL;

DROP TRIGGER organizations_changed ON organizations;
CREATE TRIGGER organizations_changed AFTER UPDATE ON organizations FOR EACH ROW
    WHEN ((OLD.id, OLD.name, OLD.slug, OLD.deleted_at, OLD.subscription_status, OLD.subscription_ends_at,
           OLD.subscription_price, OLD.stripe_features)
          IS DISTINCT FROM (NEW.id, NEW.name, NEW.slug, NEW.deleted_at, NEW.subscription_status, NEW.subscription_ends_at,
                            NEW.subscription_price, NEW.stripe_features))
    EXECUTE FUNCTION saas_changed_organization();

-- What of a plan's limits is used up. The constraint is what refuses: in the
-- transaction of the write, whoever else writes.
CREATE TABLE usage (
    org_id  uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name    text NOT NULL,
    period  text NOT NULL,                          -- 2026-11, 2026-11-27, or all
    used    bigint NOT NULL,
    most    bigint,                                 -- as of the last write; NULL: no limit
    PRIMARY KEY (org_id, name, period),
    CONSTRAINT usage_within_plan CHECK (most IS NULL OR used <= most)
);
CALL saas_make_tenant_table('usage', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
