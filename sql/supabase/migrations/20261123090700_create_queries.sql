-- What the dashboard asks, for native clients and PostgREST alike: forebay_series, forebay_names and
-- forebay_sessions. With the rights of whoever asks.
--
-- PostgREST cuts what a function returns at its max-rows (1,000 on a hosted project): ask in pages.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

CREATE TYPE public.forebay_point AS (
  source  text,
  unit    text,
  time_ns numeric,
  min     double precision,
  mean    double precision,
  max     double precision,
  count   bigint
);

-- A metric belongs to the point at floor(time / step) * step, so the first point may begin before start_ns.
-- All three numbers may be any whole ones; time_ns is numeric, because a point may begin before what 64 bits
-- hold.
--
-- Where step_ns is a number of minutes, whole minutes come from metrics_1m, whole hours from metrics_1h, and
-- only the two ends and the dirty minutes from metrics itself: the same answer, since all is one snapshot.
-- (And an answer still for what retention has dropped.)
CREATE FUNCTION public.forebay_series(name text, start_ns numeric, until_ns numeric, step_ns numeric,
  source text DEFAULT NULL)
RETURNS SETOF public.forebay_point
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
  wanted CONSTANT text := forebay_series.name;
  of_source CONSTANT text := forebay_series.source;
  minute_ns CONSTANT bigint := 60000000000;
  first_ns bigint;
  last_ns bigint;
  step bigint;               -- null: longer than 64 bits hold, so that it has one point on each side of 0
  minutes bigint;            -- of a step
  from_minute bigint := 0;   -- whole minutes of the window, and whole hours of those: [from, to)
  to_minute bigint := 0;
  from_hour bigint := 0;
  to_hour bigint := 0;
BEGIN
  IF step_ns < 1 OR step_ns <> trunc(step_ns) OR step_ns IS NULL THEN
    RAISE EXCEPTION 'step_ns is %: a step is a whole number of nanoseconds, at least 1 ns', step_ns
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF wanted IS NULL OR start_ns IS NULL OR until_ns IS NULL OR start_ns > 9223372036854775807
      OR until_ns <= -9223372036854775808 THEN
    RETURN;
  END IF;
  first_ns := greatest(ceil(start_ns), -9223372036854775808);
  last_ns := least(ceil(until_ns) - 1, 9223372036854775807);
  IF last_ns < first_ns THEN
    RETURN;
  END IF;
  IF step_ns <= 9223372036854775807 THEN
    step := step_ns;
  END IF;
  IF step_ns % minute_ns = 0 THEN
    minutes := least(div(step_ns, minute_ns), 4611686018427387904);
    from_minute := first_ns / minute_ns + (first_ns % minute_ns > 0)::int;
    to_minute := last_ns / minute_ns - (last_ns % minute_ns < 0)::int
      + (last_ns % minute_ns IN (minute_ns - 1, -1))::int;
    IF to_minute <= from_minute THEN
      from_minute := 0;
      to_minute := 0;
    ELSIF minutes % 60 = 0 THEN
      from_hour := ceil(from_minute / 60.0);
      to_hour := greatest(floor(to_minute / 60.0), from_hour);
    END IF;
  END IF;

  RETURN QUERY
  WITH dirty AS MATERIALIZED (
    SELECT DISTINCT d.minute FROM forebay.dirty_minutes d
    WHERE d.name = wanted AND d.minute >= from_minute AND d.minute < to_minute
  ), dirty_hours AS MATERIALIZED (
    SELECT DISTINCT floor(minute / 60.0)::bigint AS hour FROM dirty
  ), raw AS (
    SELECT m.source, m.time_ns, m.value FROM public.metrics m
    WHERE from_minute = to_minute AND m.name = wanted AND (of_source IS NULL OR m.source = of_source)
      AND m."time" >= forebay.moment(first_ns) AND m."time" <= forebay.moment(last_ns)
      AND m.time_ns >= first_ns AND m.time_ns <= last_ns
    UNION ALL
    SELECT m.source, m.time_ns, m.value FROM public.metrics m
    WHERE from_minute < to_minute AND m.name = wanted AND (of_source IS NULL OR m.source = of_source)
      AND m."time" >= forebay.moment(first_ns) AND m."time" < to_timestamp(from_minute * 60)
      AND m.time_ns >= first_ns
    UNION ALL
    SELECT m.source, m.time_ns, m.value FROM public.metrics m
    WHERE from_minute < to_minute AND m.name = wanted AND (of_source IS NULL OR m.source = of_source)
      AND m."time" >= to_timestamp(to_minute * 60) AND m."time" <= forebay.moment(last_ns)
      AND m.time_ns <= last_ns
    UNION ALL
    SELECT m.source, m.time_ns, m.value FROM dirty d CROSS JOIN public.metrics m
    WHERE m.name = wanted AND (of_source IS NULL OR m.source = of_source)
      AND m."time" >= to_timestamp(d.minute * 60) AND m."time" < to_timestamp((d.minute + 1) * 60)
  ), pieces AS (
    SELECT source, coalesce(time_ns / step - (time_ns % step < 0)::int, -(time_ns < 0)::int) AS number,
      min(value), max(value), count(*),
      coalesce(sum(value) FILTER (WHERE abs(value) < 1e289), 0) AS sum,
      coalesce(sum(value / 18446744073709551616.0::double precision)
        FILTER (WHERE abs(value) >= 1e289), 0) AS huge_sum
    FROM raw GROUP BY 1, 2
    UNION ALL
    SELECT h.source, floor(extract(epoch FROM h.bucket) / 60 / minutes)::bigint,
      h.min, h.max, h.count, h.sum, h.huge_sum
    FROM public.metrics_1h h
    WHERE from_hour < to_hour AND h.name = wanted AND (of_source IS NULL OR h.source = of_source)
      AND h.bucket >= to_timestamp(from_hour * 3600) AND h.bucket < to_timestamp(to_hour * 3600)
      AND floor(extract(epoch FROM h.bucket) / 3600)::bigint NOT IN (SELECT hour FROM dirty_hours)
    UNION ALL
    -- Of a dirty minute, only what retention has dropped of it.
    SELECT b.source, floor(extract(epoch FROM b.bucket) / 60 / minutes)::bigint,
      CASE WHEN dirty THEN b.dropped_min ELSE b.min END, CASE WHEN dirty THEN b.dropped_max ELSE b.max END,
      CASE WHEN dirty THEN b.dropped_count ELSE b.count END, CASE WHEN dirty THEN b.dropped_sum ELSE b.sum END,
      CASE WHEN dirty THEN b.dropped_huge_sum ELSE b.huge_sum END
    FROM (
      SELECT m.*, floor(extract(epoch FROM m.bucket) / 60)::bigint IN (SELECT minute FROM dirty) AS dirty
      FROM public.metrics_1m m
      WHERE from_minute < to_minute AND m.name = wanted AND (of_source IS NULL OR m.source = of_source)
        AND m.bucket >= to_timestamp(from_minute * 60) AND m.bucket < to_timestamp(to_minute * 60)
        AND NOT (m.bucket >= to_timestamp(from_hour * 3600) AND m.bucket < to_timestamp(to_hour * 3600)
          AND floor(extract(epoch FROM m.bucket) / 3600)::bigint NOT IN (SELECT hour FROM dirty_hours))
    ) b
    WHERE NOT dirty OR b.dropped_count IS NOT NULL
  ), points AS (
    SELECT source, number, min(min), max(max), sum(sum), sum(huge_sum) AS huge_sum, sum(count)::bigint AS count
    FROM pieces GROUP BY source, number
  ), units AS (
    SELECT DISTINCT ON (s.source) s.source, s.unit FROM public.streams s
    WHERE s.name = wanted ORDER BY s.source, s.last_time_ns DESC
  )
  SELECT p.source, coalesce(u.unit, ''), p.number * step_ns, p.min,
    forebay.mean(p.min, p.max, p.sum, p.huge_sum, p.count), p.max, p.count
  FROM points p LEFT JOIN units u ON u.source = p.source
  ORDER BY p.source, p.number;
END
$$;

CREATE FUNCTION public.forebay_names()
RETURNS TABLE (name text, kind text, unit text, sources text[], first_time_ns bigint, last_time_ns bigint,
  count bigint)
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT s.name, (array_agg(s.kind ORDER BY s.last_time_ns DESC))[1],
    (array_agg(s.unit ORDER BY s.last_time_ns DESC))[1], array_agg(DISTINCT s.source ORDER BY s.source),
    min(s.first_time_ns), max(s.last_time_ns), sum(s.count)::bigint
  FROM public.streams s GROUP BY s.name ORDER BY s.name
$$;

CREATE FUNCTION public.forebay_sessions()
RETURNS TABLE (session text, source text, first_time_ns bigint, last_time_ns bigint, count bigint)
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT s.session, s.source, min(s.first_time_ns), max(s.last_time_ns), sum(s.count)::bigint
  FROM public.streams s WHERE s.session <> '' GROUP BY s.session, s.source
  ORDER BY max(s.last_time_ns) DESC, s.session, s.source
$$;

COMMENT ON TYPE public.forebay_point IS 'A step of a series: time_ns is where it begins.';
COMMENT ON FUNCTION public.forebay_series(text, numeric, numeric, numeric, text) IS 'The metrics of a name in [start_ns, until_ns), of one source or of each, down-sampled to step_ns; sorted by source and time.';
COMMENT ON FUNCTION public.forebay_names() IS 'Every metric name, sorted, with kind and unit of its latest metric and its sources, sorted.';
COMMENT ON FUNCTION public.forebay_sessions() IS 'Every session that was given one, by source, the latest seen first.';
