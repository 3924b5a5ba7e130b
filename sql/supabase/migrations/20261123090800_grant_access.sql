-- Who may do what. Everything is taken away first: a hosted Supabase project gives anon and authenticated all
-- rights on whatever is made in public, and PostgreSQL lets everybody execute a function.
--
--   service_role         everything: Forebay itself
--   forebay_reader       reads every table; a role to grant to people and to other programs
--   anon, authenticated  what the dashboard needs: metrics, streams, the roll-ups and the three queries
--
-- On a plain PostgreSQL anon, authenticated and service_role may be missing: what is for them is left out,
-- and Forebay works as the owner of the tables. Where they are made later, run this file once more.
-- forebay_reader is made here, unless whoever migrates may make no roles.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';
SET LOCAL client_min_messages = 'warning';

DO $$
BEGIN
  CREATE ROLE forebay_reader NOLOGIN NOINHERIT;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE WARNING 'the role forebay_reader is missing and % may not make it: nobody but the owner and service_role reads', current_user;
END
$$;

DO $$
DECLARE
  every_table CONSTANT text[] := ARRAY['metrics', 'streams', 'metrics_1m', 'metrics_1h', 'dead_letters', 'cursors', 'feature_flags'];
  shown CONSTANT text[] := ARRAY['metrics', 'streams', 'metrics_1m', 'metrics_1h'];
  queries CONSTANT text := 'public.forebay_series(text, numeric, numeric, numeric, text), public.forebay_names(), public.forebay_sessions()';
  inner_tables CONSTANT text := 'forebay.metrics_default, forebay.dirty_minutes';
  who text;
  t text;
BEGIN
  FOR who IN
    SELECT 'PUBLIC' UNION ALL
    SELECT rolname::text FROM pg_catalog.pg_roles
    WHERE rolname IN ('anon', 'authenticated', 'service_role', 'forebay_reader')
  LOOP
    EXECUTE format('REVOKE ALL ON public.%s FROM %s', array_to_string(every_table, ', public.'), who);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA forebay FROM %s', who);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA forebay FROM %s', who);
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA forebay FROM %s', who);
    EXECUTE format('REVOKE ALL ON FUNCTION public.forebay_maintain(integer), %s FROM %s', queries, who);
    CONTINUE WHEN who = 'PUBLIC';

    EXECUTE format('GRANT USAGE ON SCHEMA public, forebay TO %s', who);
    -- What the queries do inside, with the rights of whoever asks.
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s, forebay.moment(bigint), forebay.mean(double precision, double precision, double precision, double precision, bigint) TO %s', queries, who);
    EXECUTE format('GRANT SELECT ON forebay.dirty_minutes TO %s', who);
    EXECUTE format('DROP POLICY IF EXISTS dirty_minutes_for_%s ON forebay.dirty_minutes', who);
    EXECUTE format('CREATE POLICY dirty_minutes_for_%1$s ON forebay.dirty_minutes FOR SELECT TO %1$s USING (true)', who);
    IF who = 'service_role' THEN
      EXECUTE 'GRANT EXECUTE ON FUNCTION public.forebay_maintain(integer) TO service_role';
    END IF;
    FOREACH t IN ARRAY CASE WHEN who IN ('anon', 'authenticated') THEN shown ELSE every_table END LOOP
      EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', t || '_for_' || who, t);
      IF who = 'service_role' THEN
        EXECUTE format('GRANT ALL ON public.%I TO service_role', t);
        EXECUTE format('CREATE POLICY %I ON public.%I FOR ALL TO service_role USING (true) WITH CHECK (true)', t || '_for_' || who, t);
      ELSE
        EXECUTE format('GRANT SELECT ON public.%I TO %s', t, who);
        EXECUTE format('CREATE POLICY %I ON public.%I FOR SELECT TO %s USING (true)', t || '_for_' || who, t, who);
      END IF;
    END LOOP;
  END LOOP;
END
$$;
