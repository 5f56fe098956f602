-- SQLite has neither roles nor row-level security: here the gateway alone keeps organizations apart, by binding $1.
-- The number is kept so that a version means the same on both databases.
--
-- Times are ISO 8601 text in UTC with microseconds and a Z, 27 characters, so that they compare as text.
-- Ids are UUIDs as lower-case text.  Booleans are 0 and 1.

PRAGMA user_version = 1;
