-- The first organization that somebody founds or joins is their default one,
-- until they say otherwise: what a program of one organization has asked for
-- stays what it was when there is a second.
CREATE TRIGGER memberships_first AFTER INSERT ON memberships
BEGIN
    UPDATE users SET default_org_id = NEW.org_id
    WHERE id = NEW.user_id AND default_org_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM user_organizations d WHERE d.user_id = NEW.user_id AND d.org_id <> NEW.org_id);
END;

UPDATE users SET default_org_id = (
    SELECT m.org_id
    FROM user_organizations d
    JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id
    JOIN organizations o ON o.id = d.org_id AND o.deleted_at IS NULL
    WHERE d.user_id = users.id ORDER BY m.created_at, m.org_id LIMIT 1)
WHERE default_org_id IS NULL AND EXISTS (SELECT 1 FROM user_organizations d WHERE d.user_id = users.id);

PRAGMA user_version = 9;
