-- Deleting an organization for good needs no more than DELETE here: SQLite has neither roles nor grants.
-- The number is kept so that a version means the same on both databases.

PRAGMA user_version = 7;
