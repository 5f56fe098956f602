-- Whose members have become more or less, where somebody pays for each: the
-- quantity at Stripe is to follow. Written by the change itself, whoever makes
-- it; an organization without a subscription has none to follow.
CREATE TABLE stripe_seats (
    organization_id TEXT PRIMARY KEY NOT NULL REFERENCES organizations ON DELETE CASCADE,
    due_at          TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX stripe_seats_due ON stripe_seats (due_at);

-- A moment later, so that several at once are one. An organization that is
-- being deleted is not there any more.
CREATE TRIGGER memberships_seats_insert AFTER INSERT ON memberships
BEGIN
    INSERT INTO stripe_seats (organization_id, due_at)
    SELECT id, strftime('%Y-%m-%dT%H:%M:%f', 'now', '+2 seconds') || '000Z' FROM organizations
    WHERE id = NEW.org_id AND stripe_subscription_id IS NOT NULL
    ON CONFLICT (organization_id) DO UPDATE SET due_at = min(stripe_seats.due_at, excluded.due_at);
END;
CREATE TRIGGER memberships_seats_delete AFTER DELETE ON memberships
BEGIN
    INSERT INTO stripe_seats (organization_id, due_at)
    SELECT id, strftime('%Y-%m-%dT%H:%M:%f', 'now', '+2 seconds') || '000Z' FROM organizations
    WHERE id = OLD.org_id AND stripe_subscription_id IS NOT NULL
    ON CONFLICT (organization_id) DO UPDATE SET due_at = min(stripe_seats.due_at, excluded.due_at);
END;

PRAGMA user_version = 18;
