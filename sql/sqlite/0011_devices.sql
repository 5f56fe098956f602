-- Devices from which somebody has logged in: their attempts are counted apart
-- from everybody else's, so that strangers cannot lock the owner out.
CREATE TABLE devices (
    hash        TEXT PRIMARY KEY NOT NULL,          -- SHA-256 of the cookie, hex
    user_id     TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  TEXT NOT NULL,
    used_at     TEXT NOT NULL                       -- the last log-in
) WITHOUT ROWID;
CREATE INDEX devices_user ON devices (user_id, used_at);

PRAGMA user_version = 11;
