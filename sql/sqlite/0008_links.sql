-- Links in messages are made when a message is sent.
--
-- The token that an invite's mail carries is another one than the inviter is
-- shown: who has come with it has read the mail.
ALTER TABLE invites ADD COLUMN mail_hash TEXT;      -- SHA-256 of the mailed token, hex; NULL: none has been sent
CREATE UNIQUE INDEX invites_mail_hash ON invites (org_id, mail_hash);

-- Messages given up before this version hold their links in clear: nobody can
-- send them any more, and nobody read them.
UPDATE jobs SET payload = json_set(json_remove(payload, '$.vars.url'), '$.expires_at', '1970-01-01T00:00:00.000000Z')
WHERE kind = 'mail' AND state = 'dead' AND json_extract(payload, '$.template') IN ('invite', 'password_reset');

PRAGMA user_version = 8;
