-- Which older builds a version of the schema still works with.

-- The first version of the schema whose builds go on working once this one is there; NULL: none but its own. The file
-- of a migration says it, as "-- works-from: N"; saasctl migrate writes it down, and every build asks for it.
ALTER TABLE schema_migrations ADD COLUMN works_from INTEGER CHECK (works_from BETWEEN 1 AND version);
