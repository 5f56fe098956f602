-- Deleting an organization for good.
--
-- The trail is append-only for the application, and organizations are never
-- deleted by it: what a purge needs goes through these two functions, which
-- touch nothing but organizations that have been deleted already.

-- Removes at most so many entries of a deleted organization's trail; how many.
CREATE FUNCTION saas_purge_activity(organization uuid, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public
    AS $$
    WITH gone AS (
        DELETE FROM activity
        WHERE org_id = organization
          AND EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.deleted_at IS NOT NULL)
          AND id IN (SELECT a.id FROM activity a WHERE a.org_id = organization ORDER BY a.id LIMIT most)
        RETURNING 1
    )
    SELECT count(*) FROM gone
    $$;

-- Removes a deleted organization, with what is left of it; 1, or 0.
CREATE FUNCTION saas_purge_organization(organization uuid) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public
    AS $$
    WITH gone AS (
        DELETE FROM organizations WHERE id = organization AND deleted_at IS NOT NULL RETURNING 1
    )
    SELECT count(*) FROM gone
    $$;

REVOKE ALL ON FUNCTION saas_purge_activity(uuid, integer), saas_purge_organization(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION saas_purge_activity(uuid, integer), saas_purge_organization(uuid) TO saas_system;
