-- Minutes rolled up, partitions made ahead, old days dropped: forebay_maintain(), called by every Forebay
-- now and then, or by pg_cron. One works, the others find the lock taken and return at once.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

-- A table that is filled first and attached then: PARTITION OF would refuse where the default partition has
-- metrics of that day. Writers are kept out of metrics as a whole: one that had chosen the default partition
-- already would be refused when it gets there ("violates partition constraint").
CREATE FUNCTION forebay.add_day(day date, most_rows bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' SET timezone = 'UTC' AS $$
DECLARE
  part text := 'metrics_' || to_char(day, 'YYYYMMDD');
  begins timestamptz := day::timestamptz;
  ends timestamptz := (day + 1)::timestamptz;
  who text;
  moved bigint;
BEGIN
  LOCK TABLE ONLY public.metrics IN SHARE ROW EXCLUSIVE MODE;
  LOCK TABLE forebay.metrics_default IN ACCESS EXCLUSIVE MODE;
  PERFORM FROM forebay.metrics_default
    WHERE "time" >= begins AND "time" < ends OFFSET most_rows LIMIT 1;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  EXECUTE format('CREATE TABLE forebay.%I (LIKE public.metrics INCLUDING ALL)', part);
  EXECUTE format('ALTER TABLE forebay.%I ENABLE ROW LEVEL SECURITY', part);
  EXECUTE format('COMMENT ON TABLE forebay.%I IS %L', part, 'The metrics of ' || day || ', UTC.');
  -- Whatever default privileges say: a partition is reached through metrics only.
  FOR who IN
    SELECT 'PUBLIC' UNION ALL
    SELECT quote_ident(rolname) FROM pg_catalog.pg_roles
    WHERE rolname IN ('anon', 'authenticated', 'service_role', 'forebay_reader')
  LOOP
    EXECUTE format('REVOKE ALL ON forebay.%I FROM %s', part, who);
  END LOOP;
  EXECUTE format(
    'WITH moved AS (DELETE FROM forebay.metrics_default WHERE "time" >= %L AND "time" < %L RETURNING *)
     INSERT INTO forebay.%I SELECT * FROM moved', begins, ends, part);
  GET DIAGNOSTICS moved = ROW_COUNT;
  EXECUTE format(
    'ALTER TABLE public.metrics ATTACH PARTITION forebay.%I FOR VALUES FROM (%L) TO (%L)', part, begins, ends);
  RETURN moved;
END
$$;

CREATE FUNCTION forebay.has_dirty_minutes(day date) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' SET timezone = 'UTC' AS $$
  SELECT EXISTS (
    SELECT FROM forebay.dirty_minutes
    WHERE minute >= extract(epoch FROM day::timestamptz) / 60
      AND minute < extract(epoch FROM (day + 1)::timestamptz) / 60)
$$;

-- What the roll-ups have of the day becomes what was dropped of it. Not yet where a minute is still dirty, and
-- not while a journal may be held against the database: what was accepted since `kept_from` stays, however
-- old its time is. Nobody is locked out; whoever drops the day looks once more, with the lock, whether a
-- minute of it has become dirty, and if so undoes this.
CREATE FUNCTION forebay.settle_day(day date, kept_from timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = '' SET timezone = 'UTC' AS $$
DECLARE
  begins timestamptz := day::timestamptz;
  ends timestamptz := (day + 1)::timestamptz;
BEGIN
  IF forebay.has_dirty_minutes(day) OR EXISTS (
    SELECT FROM public.metrics WHERE "time" >= begins AND "time" < ends AND accepted_at >= kept_from
  ) THEN
    RETURN false;
  END IF;
  UPDATE public.metrics_1m SET dropped_min = min, dropped_max = max, dropped_sum = sum,
    dropped_huge_sum = huge_sum, dropped_count = count
  WHERE bucket >= begins AND bucket < ends AND dropped_count IS DISTINCT FROM count;
  RETURN true;
END
$$;

-- The same for what has no partition, row by row: exactly what is deleted is added to what was dropped, so
-- that no lock is needed. A metric that comes meanwhile has its own note among the dirty minutes.
CREATE FUNCTION forebay.drop_strays(kept_from timestamptz, most_rows bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  gone bigint;
BEGIN
  WITH old AS MATERIALIZED (
    SELECT ctid FROM forebay.metrics_default m
    WHERE "time" < kept_from AND accepted_at < kept_from AND NOT EXISTS (
      SELECT FROM forebay.dirty_minutes d
      WHERE d.name = m.name AND d.minute = floor(extract(epoch FROM m."time") / 60)::bigint)
    LIMIT most_rows
  ), strays AS (
    DELETE FROM forebay.metrics_default WHERE ctid IN (SELECT ctid FROM old)
    RETURNING name, source, to_timestamp((floor(extract(epoch FROM "time") / 60) * 60)::bigint) AS bucket, value
  ), sums AS (
    SELECT name, source, bucket, min(value), max(value), count(*),
      coalesce(sum(value) FILTER (WHERE abs(value) < 1e289), 0) AS sum,
      coalesce(sum(value / 18446744073709551616.0::double precision)
        FILTER (WHERE abs(value) >= 1e289), 0) AS huge_sum
    FROM strays GROUP BY name, source, bucket
  ), settled AS (
    UPDATE public.metrics_1m had SET
      dropped_min = least(had.dropped_min, s.min),
      dropped_max = greatest(had.dropped_max, s.max),
      dropped_sum = coalesce(had.dropped_sum, 0) + s.sum,
      dropped_huge_sum = coalesce(had.dropped_huge_sum, 0) + s.huge_sum,
      dropped_count = coalesce(had.dropped_count, 0) + s.count
    FROM sums s WHERE had.name = s.name AND had.source = s.source AND had.bucket = s.bucket
  )
  SELECT count(*) INTO gone FROM strays;
  RETURN gone;
END
$$;

CREATE FUNCTION public.forebay_maintain(keep_days integer DEFAULT NULL)
RETURNS TABLE (ran boolean, minutes_rolled bigint, minutes_left boolean, days_added bigint,
  rows_moved bigint, days_dropped bigint, strays_dropped bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET timezone = 'UTC'
SET lock_timeout = '1s' SET statement_timeout = '60s' AS $$
DECLARE
  began timestamptz := clock_timestamp();
  today date := current_date;
  kept_from timestamptz := current_date - keep_days;
  notes bigint := 100;
  rolled bigint;
  moved bigint;
  day date;
  settled date[] := '{}';
BEGIN
  ran := false; minutes_rolled := 0; minutes_left := false; days_added := 0; rows_moved := 0;
  days_dropped := 0; strays_dropped := 0;
  IF keep_days < 1 THEN
    RAISE EXCEPTION 'keep_days is %: it must be at least 1, or null to keep everything', keep_days
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- With a snapshot older than the lock, the work of whoever held the lock before would be undone.
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'forebay_maintain() wants a transaction that is read committed; this one is %',
      current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
  END IF;
  IF NOT pg_try_advisory_xact_lock(hashtextextended('forebay_maintain', 0)) THEN
    RETURN NEXT;
    RETURN;
  END IF;
  ran := true;

  -- Bounded by time, from few notes to many: a minute may have ten metrics or a million.
  LOOP
    rolled := forebay.roll_up(notes);
    minutes_rolled := minutes_rolled + rolled;
    EXIT WHEN rolled = 0 OR clock_timestamp() > began + interval '2 seconds';
    notes := least(notes * 2, 10000);
  END LOOP;
  minutes_left := rolled > 0 AND EXISTS (SELECT FROM forebay.dirty_minutes);

  IF keep_days IS NOT NULL THEN
    strays_dropped := forebay.drop_strays(kept_from, 50000);
  END IF;

  -- From here on others may have to wait for the end of this transaction, so the locks come last, and of the
  -- two kinds one a call. What cannot be had within lock_timeout, because somebody reads for long, is tried
  -- again at the next call.
  FOR day IN
    SELECT today + ahead FROM generate_series(-1, 3) ahead
    WHERE to_regclass('forebay.metrics_' || to_char(today + ahead, 'YYYYMMDD')) IS NULL
  LOOP
    BEGIN
      moved := forebay.add_day(day, 500000);
      days_added := days_added + (moved IS NOT NULL)::int;
      rows_moved := rows_moved + coalesce(moved, 0);
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN NULL;
    END;
  END LOOP;

  IF keep_days IS NOT NULL AND days_added = 0 THEN
    BEGIN
      FOR day IN
        SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS d
        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.metrics'::regclass AND c.relname ~ '^metrics_\d{8}$'
          AND right(c.relname, 8) < to_char(today - keep_days, 'YYYYMMDD')
        ORDER BY d
      LOOP
        IF forebay.settle_day(day, kept_from) THEN
          settled := settled || day;
        END IF;
        EXIT WHEN cardinality(settled) = 3;
      END LOOP;
      IF cardinality(settled) > 0 THEN
        LOCK TABLE ONLY public.metrics IN ACCESS EXCLUSIVE MODE;
      END IF;
      FOREACH day IN ARRAY settled LOOP
        IF forebay.has_dirty_minutes(day) THEN
          RAISE EXCEPTION 'metrics have come for %', day USING ERRCODE = 'lock_not_available';
        END IF;
        EXECUTE format('DROP TABLE forebay.%I', 'metrics_' || to_char(day, 'YYYYMMDD'));
      END LOOP;
      days_dropped := cardinality(settled);
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN NULL;
    END;
  END IF;
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION forebay.add_day(date, bigint) IS 'Makes the partition of a day and moves there what the default partition has of it, at most so many rows; returns how many, or null where there are more and all was left.';
COMMENT ON FUNCTION forebay.has_dirty_minutes(date) IS 'Whether a minute of the day is yet to be rolled up.';
COMMENT ON FUNCTION forebay.settle_day(date, timestamptz) IS 'Whether the partition of a day may be dropped, which is noted in the roll-ups: drop it in the same transaction.';
COMMENT ON FUNCTION forebay.drop_strays(timestamptz, bigint) IS 'Deletes metrics of the default partition whose time and acceptance are older, at most so many; returns how many.';
COMMENT ON FUNCTION public.forebay_maintain(integer) IS 'Rolls up dirty minutes for about two seconds, makes the partitions of yesterday to in three days, and, with keep_days, drops up to three days before that. To be called about once a minute, by any number of clients; ran says whether it was this one that worked.';

DO $$ BEGIN PERFORM public.forebay_maintain(); END $$;
