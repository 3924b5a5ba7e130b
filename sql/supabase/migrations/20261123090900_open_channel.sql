-- The private Realtime channels `forebay:…`: anon and authenticated may listen, nobody but service_role, who
-- needs no policy, may send. Realtime asks row-level security on realtime.messages: select is to listen,
-- insert is to send.
--
-- Sending is forbidden by a restrictive policy, because a project's own permissive ones, such as "every user
-- may send", would otherwise let in here too. On a PostgreSQL without Realtime there is nothing to do.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';
SET LOCAL client_min_messages = 'warning';

DO $$
DECLARE
  listeners text;
BEGIN
  SELECT string_agg(quote_ident(rolname), ', ') INTO listeners
  FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated');
  IF to_regclass('realtime.messages') IS NULL OR to_regprocedure('realtime.topic()') IS NULL
      OR listeners IS NULL THEN
    RETURN;
  END IF;
  DROP POLICY IF EXISTS forebay_listen ON realtime.messages;
  DROP POLICY IF EXISTS forebay_no_sending ON realtime.messages;
  EXECUTE format('CREATE POLICY forebay_listen ON realtime.messages FOR SELECT TO %s
    USING (realtime.topic() LIKE ''forebay:%%'' AND extension = ''broadcast'')', listeners);
  EXECUTE format('CREATE POLICY forebay_no_sending ON realtime.messages AS RESTRICTIVE FOR INSERT TO %s
    WITH CHECK (coalesce(realtime.topic(), topic) NOT LIKE ''forebay:%%'')', listeners);
END
$$;
