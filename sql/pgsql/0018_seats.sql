-- Whose members have become more or less, where somebody pays for each: the
-- quantity at Stripe is to follow. Written by the change itself, whoever makes
-- it; an organization without a subscription has none to follow.
CREATE TABLE stripe_seats (
    organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    due_at          timestamptz NOT NULL
);
CREATE INDEX stripe_seats_due ON stripe_seats (due_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON stripe_seats TO saas_system;

-- A moment later, so that several at once are one. An organization that is
-- being deleted is not there any more.
CREATE FUNCTION saas_seats_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public
    AS $$
BEGIN
    INSERT INTO stripe_seats (organization_id, due_at)
    SELECT id, now() + interval '2 seconds' FROM organizations
    WHERE id = coalesce(NEW.org_id, OLD.org_id) AND stripe_subscription_id IS NOT NULL
    ON CONFLICT (organization_id) DO UPDATE SET due_at = least(stripe_seats.due_at, excluded.due_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER memberships_seats AFTER INSERT OR DELETE ON memberships
    FOR EACH ROW EXECUTE FUNCTION saas_seats_changed();
