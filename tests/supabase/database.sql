-- What a hosted Supabase project has in its database before the first migration, as far as Forebay can meet it.
-- Applied to template1, and so to every database. pgcrypto, uuid-ossp and safeupdate are missing: this build of
-- PostgreSQL comes without them.

create schema extensions;

grant all on schema extensions to postgres;

grant usage on schema extensions to anon, authenticated, service_role;

-- Hosted, everybody may use what migrations make in `public` until they revoke it: only row-level security
-- stands between anon and a new table.

alter schema public owner to postgres;

grant usage on schema public to anon, authenticated, service_role;

alter default privileges for role postgres in schema public
  grant all on tables to postgres, anon, authenticated, service_role;

alter default privileges for role postgres in schema public
  grant all on functions to postgres, anon, authenticated, service_role;

alter default privileges for role postgres in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;

create publication supabase_realtime;

alter publication supabase_realtime owner to postgres;

create schema auth;

grant usage on schema auth to postgres, anon, authenticated, service_role;

create function auth.jwt() returns jsonb language sql stable
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb;

create function auth.role() returns text language sql stable
  return auth.jwt() ->> 'role';

create function auth.uid() returns uuid language sql stable
  return (auth.jwt() ->> 'sub')::uuid;

create schema realtime;

grant usage on schema realtime to postgres, anon, authenticated, service_role;

grant all on schema realtime to supabase_realtime_admin with grant option;

create table realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(),
  id uuid not null default gen_random_uuid(),
  primary key (id, inserted_at)
) partition by range (inserted_at);

alter table realtime.messages enable row level security;

alter table realtime.messages owner to supabase_realtime_admin;

grant select, insert, update on realtime.messages to postgres, anon, authenticated, service_role;

-- hosted, the Realtime server makes a partition a day

create table realtime.messages_default partition of realtime.messages default;

create function realtime.topic() returns text language sql stable
  return nullif(current_setting('realtime.topic', true), '');

-- As hosted, it tells nobody when it fails.

create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
  returns void language plpgsql as $$
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (payload, event, topic, private, extension)
  values (payload, event, topic, private, 'broadcast');
exception when others then
  raise warning 'ErrorSendingBroadcastMessage: %', sqlerrm;
end $$;

-- PostgREST reads the schema anew whenever it changes.

create function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as $$
begin
  if exists (
    select from pg_event_trigger_ddl_commands()
    where coalesce(schema_name, '') not in ('pg_temp', 'auth', 'realtime')
  ) then
    notify pgrst, 'reload schema';
  end if;
end $$;

create function extensions.pgrst_drop_watch() returns event_trigger language plpgsql as $$
begin
  if exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then
    notify pgrst, 'reload schema';
  end if;
end $$;

create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();

create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();
