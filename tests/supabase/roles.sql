-- The roles of a hosted Supabase project, as far as a client of PostgREST or of PostgreSQL can tell: `postgres`,
-- which migrations run as, is no superuser there. Applied once to a cluster.

create role postgres login createdb createrole replication bypassrls;

create role anon nologin noinherit;

create role authenticated nologin noinherit;

create role service_role nologin noinherit bypassrls;

create role authenticator login noinherit;

create role supabase_realtime_admin nologin noinherit createrole replication;

grant anon, authenticated, service_role to authenticator;

grant anon, authenticated, service_role to postgres with admin option;

grant supabase_realtime_admin to postgres;

grant anon, authenticated, service_role to supabase_realtime_admin;

alter role anon set statement_timeout = '3s';

alter role authenticated set statement_timeout = '8s';

alter role authenticator set statement_timeout = '8s';

alter role authenticator set lock_timeout = '8s';

alter role postgres set search_path = "$user", public, extensions;

alter role supabase_admin set search_path = public, extensions;
