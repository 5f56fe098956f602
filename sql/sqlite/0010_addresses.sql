-- Who has proven that an address is theirs.
--
-- Users who were there before count as having done so: nobody is locked out by
-- an update (saasctl user unverify takes it away). From here on an address is a
-- claim until its owner has followed a link, or comes by another module.
ALTER TABLE users ADD COLUMN email_verified_at TEXT;
UPDATE users SET email_verified_at = created_at;

CREATE TABLE email_proofs (
    hash        TEXT PRIMARY KEY NOT NULL,          -- SHA-256 of the mailed token, hex
    user_id     TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    email_key   TEXT NOT NULL,                      -- the address that it proves
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX email_proofs_user ON email_proofs (user_id);

DROP TRIGGER users_changed;
CREATE TRIGGER users_changed AFTER UPDATE ON users
WHEN (OLD.id, OLD.email, OLD.email_key, OLD.name, OLD.is_active, OLD.default_org_id, OLD.email_verified_at)
     IS NOT (NEW.id, NEW.email, NEW.email_key, NEW.name, NEW.is_active, NEW.default_org_id, NEW.email_verified_at)
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.id);
END;

PRAGMA user_version = 10;
