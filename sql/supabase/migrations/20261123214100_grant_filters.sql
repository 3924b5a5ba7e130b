-- Who may filter: the same as may ask the other queries. See grant_access, whose rules these are; where anon,
-- authenticated or service_role are made later, run this file once more too.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

DO $$
DECLARE
  queries CONSTANT text := 'public.forebay_filtered_series(text, numeric, numeric, numeric, text, text, jsonb), public.forebay_attributes(text)';
  who text;
BEGIN
  FOR who IN
    SELECT 'PUBLIC' UNION ALL
    SELECT rolname::text FROM pg_catalog.pg_roles
    WHERE rolname IN ('anon', 'authenticated', 'service_role', 'forebay_reader')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', queries, who);
    CONTINUE WHEN who = 'PUBLIC';
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', queries, who);
  END LOOP;
END
$$;
