-- Series of one session or with certain attributes, and which attributes there are: forebay_filtered_series
-- and forebay_attributes, for native clients and PostgREST alike. With the rights of whoever asks.
--
-- A function of its own and no more arguments for forebay_series: with two functions of that name whoever
-- calls it with five would be asked which one is meant, and one in its place would break what older files grant.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

-- Answers from metrics alone: roll-ups know neither sessions nor attributes. The times of a session, which
-- streams knows, spare most of a long window. What is not filtered so is for forebay_series to answer.
CREATE FUNCTION public.forebay_filtered_series(name text, start_ns numeric, until_ns numeric, step_ns numeric,
  source text DEFAULT NULL, session text DEFAULT NULL, attributes jsonb DEFAULT '{}')
RETURNS SETOF public.forebay_point
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
  wanted CONSTANT text := forebay_filtered_series.name;
  of_source CONSTANT text := forebay_filtered_series.source;
  of_session CONSTANT text := forebay_filtered_series.session;
  with_attributes CONSTANT jsonb := coalesce(forebay_filtered_series.attributes, '{}');
  keys text[];
  texts text[];
  streams_found bigint;
  first_ns bigint;
  last_ns bigint;
  step bigint;               -- null: longer than 64 bits hold, so that it has one point on each side of 0
BEGIN
  SELECT array_agg(f.key), array_agg(f.value) INTO keys, texts FROM jsonb_each_text(with_attributes) f;
  IF of_session IS NULL AND keys IS NULL THEN
    RETURN QUERY SELECT * FROM public.forebay_series(wanted, start_ns, until_ns, step_ns, of_source);
    RETURN;
  END IF;
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
  IF step_ns <= 9223372036854775807 THEN
    step := step_ns;
  END IF;
  IF of_session IS NOT NULL THEN
    SELECT count(*), greatest(first_ns, min(s.first_time_ns)), least(last_ns, max(s.last_time_ns))
    INTO streams_found, first_ns, last_ns
    FROM public.streams s
    WHERE s.name = wanted AND s.session = of_session AND (of_source IS NULL OR s.source = of_source);
    IF streams_found = 0 THEN
      RETURN;
    END IF;
  END IF;
  IF last_ns < first_ns THEN
    RETURN;
  END IF;

  RETURN QUERY
  WITH chosen AS (
    SELECT m.source, m.time_ns, m.value FROM public.metrics m
    WHERE m.name = wanted AND (of_source IS NULL OR m.source = of_source)
      AND (of_session IS NULL OR m.session = of_session)
      AND m."time" >= forebay.moment(first_ns) AND m."time" <= forebay.moment(last_ns)
      AND m.time_ns >= first_ns AND m.time_ns <= last_ns
      AND (keys IS NULL OR NOT EXISTS (
        SELECT FROM unnest(keys, texts) AS f (key, value) WHERE (m.attributes ->> f.key) IS DISTINCT FROM f.value))
  ), points AS (
    SELECT source, coalesce(time_ns / step - (time_ns % step < 0)::int, -(time_ns < 0)::int) AS number,
      min(value), max(value), count(*),
      coalesce(sum(value) FILTER (WHERE abs(value) < 1e289), 0) AS sum,
      coalesce(sum(value / 18446744073709551616.0::double precision)
        FILTER (WHERE abs(value) >= 1e289), 0) AS huge_sum
    FROM chosen GROUP BY 1, 2
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

-- The latest only, by the index on name and time: the same work however many there are.
CREATE FUNCTION public.forebay_attributes(name text)
RETURNS TABLE (key text, "values" text[], count bigint)
LANGUAGE sql STABLE SET search_path = '' AS $$
  WITH latest AS MATERIALIZED (
    SELECT m.attributes FROM public.metrics m
    WHERE m.name = forebay_attributes.name ORDER BY m."time" DESC LIMIT 10000
  ), texts AS (
    SELECT attributes::text AS whole, count(*) AS count FROM latest GROUP BY attributes::text
  ), counted AS (
    SELECT e.key COLLATE "C" AS key, e.value COLLATE "C" AS value, sum(t.count) AS count
    FROM texts t CROSS JOIN LATERAL json_each_text(
      CASE WHEN json_typeof(t.whole::json) = 'object' THEN t.whole::json ELSE '{}' END) e
    WHERE e.value IS NOT NULL
    GROUP BY 1, 2
  ), ranked AS (
    SELECT key, value, count, row_number() OVER (PARTITION BY key ORDER BY count DESC, value) AS place
    FROM counted
  )
  SELECT key, array_agg(value ORDER BY place) FILTER (WHERE place <= 50), sum(count)::bigint
  FROM ranked GROUP BY key ORDER BY sum(count) DESC, key LIMIT 50
$$;

COMMENT ON FUNCTION public.forebay_filtered_series(text, numeric, numeric, numeric, text, text, jsonb) IS 'As forebay_series, of one session and with attributes: an object of keys and the texts of their values, all of which must hold; a string is compared as it is, a number or boolean as JSON prints it.';
COMMENT ON FUNCTION public.forebay_attributes(text) IS 'What the latest 10,000 metrics of a name have: the 50 most frequent attributes, how many metrics have each, and its 50 most frequent values as texts.';
