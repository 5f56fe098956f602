-- Devices from which somebody has logged in: their attempts are counted apart
-- from everybody else's, so that strangers cannot lock the owner out.
CREATE TABLE devices (
    hash        text PRIMARY KEY,                   -- SHA-256 of the cookie, hex
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    used_at     timestamptz NOT NULL                -- the last log-in
);
CREATE INDEX devices_user ON devices (user_id, used_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON devices TO saas_system;
