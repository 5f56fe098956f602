-- Who has proven that an address is theirs.
--
-- Users who were there before count as having done so: nobody is locked out by
-- an update (saasctl user unverify takes it away). From here on an address is a
-- claim until its owner has followed a link, or comes by another module.
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;
UPDATE users SET email_verified_at = created_at;

CREATE TABLE email_proofs (
    hash        text PRIMARY KEY,                   -- SHA-256 of the mailed token, hex
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email_key   text NOT NULL,                      -- the address that it proves
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX email_proofs_user ON email_proofs (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON email_proofs TO saas_system;

DROP TRIGGER users_changed ON users;
CREATE TRIGGER users_changed AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.id, OLD.email, OLD.email_key, OLD.name, OLD.is_active, OLD.default_org_id, OLD.email_verified_at)
          IS DISTINCT FROM (NEW.id, NEW.email, NEW.email_key, NEW.name, NEW.is_active, NEW.default_org_id, NEW.email_verified_at))
    EXECUTE FUNCTION saas_changed_user();
