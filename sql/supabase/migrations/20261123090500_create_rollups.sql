-- Metrics by minute and by hour. They outlive the metrics: what retention drops stays in them.
--
-- A minute is always computed anew from its metrics, never added to: late data, repeats and several writers
-- cannot make it wrong. What retention has dropped of it is kept beside, in the dropped_* columns, and joins.
-- The log of dirty minutes and the metrics are read in one statement, and so in one snapshot: a metric that
-- is committed meanwhile is in neither, and its note stays in the log for the next time.
--
-- Sums cannot overflow: values of 1e289 and more are summed apart, in units of 2^64.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

-- Between min and max also where the sum leaves the range of a double; no operation here can overflow or
-- underflow, both of which are errors to PostgreSQL. 9.7453…e288 is the largest double divided by 2^64.
CREATE FUNCTION forebay.mean(min double precision, max double precision, sum double precision,
  huge_sum double precision, count bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(min, least(max, CASE
  WHEN huge_sum <> 0 THEN 18446744073709551616.0::double precision
    * greatest(-9.745314011399999e288, least(9.745314011399999e288, huge_sum / count
      + CASE WHEN abs(sum) > 1e-200 THEN sum / count / 18446744073709551616.0::double precision ELSE 0 END))
  WHEN abs(sum) < count * 5e-324::double precision THEN 0
  ELSE sum / count
END));

CREATE TABLE public.metrics_1m (
  name             text COLLATE "C" NOT NULL,
  source           text COLLATE "C" NOT NULL,
  bucket           timestamptz NOT NULL,
  min              double precision NOT NULL,
  max              double precision NOT NULL,
  sum              double precision NOT NULL,
  huge_sum         double precision NOT NULL,
  count            bigint NOT NULL,
  mean             double precision GENERATED ALWAYS AS (forebay.mean(min, max, sum, huge_sum, count)) STORED,
  dropped_min      double precision,
  dropped_max      double precision,
  dropped_sum      double precision,
  dropped_huge_sum double precision,
  dropped_count    bigint,
  PRIMARY KEY (name, source, bucket)
) WITH (fillfactor = 90);

-- Finds the minutes of a day when retention drops it.
CREATE INDEX metrics_1m_by_bucket ON public.metrics_1m USING brin (bucket) WITH (autosummarize = on);

CREATE TABLE public.metrics_1h (
  name     text COLLATE "C" NOT NULL,
  source   text COLLATE "C" NOT NULL,
  bucket   timestamptz NOT NULL,
  min      double precision NOT NULL,
  max      double precision NOT NULL,
  sum      double precision NOT NULL,
  huge_sum double precision NOT NULL,
  count    bigint NOT NULL,
  mean     double precision GENERATED ALWAYS AS (forebay.mean(min, max, sum, huge_sum, count)) STORED,
  PRIMARY KEY (name, source, bucket)
) WITH (fillfactor = 90);

ALTER TABLE public.metrics_1m ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.metrics_1h ENABLE ROW LEVEL SECURITY;

-- Notes of one minute are many, one for each batch that added to it: all of them go with it.
CREATE FUNCTION forebay.roll_up(most_notes bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  rolled bigint;
  names text[];
  sources text[];
  hours bigint[];
BEGIN
  WITH chosen AS MATERIALIZED (
    SELECT DISTINCT name, minute
    FROM (SELECT name, minute FROM forebay.dirty_minutes ORDER BY id LIMIT most_notes) oldest
  ), forgotten AS (
    DELETE FROM forebay.dirty_minutes d USING chosen c WHERE d.name = c.name AND d.minute = c.minute
  ), minutes AS (
    INSERT INTO public.metrics_1m AS had (name, source, bucket, min, max, sum, huge_sum, count)
    SELECT c.name, m.source, to_timestamp(c.minute * 60), m.min, m.max, m.sum, m.huge_sum, m.count
    FROM chosen c CROSS JOIN LATERAL (
      SELECT source, min(value), max(value), count(*),
        coalesce(sum(value) FILTER (WHERE abs(value) < 1e289), 0) AS sum,
        coalesce(sum(value / 18446744073709551616.0::double precision)
          FILTER (WHERE abs(value) >= 1e289), 0) AS huge_sum
      FROM public.metrics
      WHERE name = c.name AND "time" >= to_timestamp(c.minute * 60) AND "time" < to_timestamp((c.minute + 1) * 60)
      GROUP BY source
    ) m
    ON CONFLICT (name, source, bucket) DO UPDATE SET
      min = least(excluded.min, had.dropped_min),
      max = greatest(excluded.max, had.dropped_max),
      sum = excluded.sum + coalesce(had.dropped_sum, 0),
      huge_sum = excluded.huge_sum + coalesce(had.dropped_huge_sum, 0),
      count = excluded.count + coalesce(had.dropped_count, 0)
    RETURNING name, source, floor(extract(epoch FROM bucket) / 3600)::bigint AS hour
  ), touched AS (
    SELECT DISTINCT name, source, hour FROM minutes
  )
  SELECT (SELECT count(*) FROM chosen), array_agg(name), array_agg(source), array_agg(hour)
  INTO rolled, names, sources, hours FROM touched;

  INSERT INTO public.metrics_1h (name, source, bucket, min, max, sum, huge_sum, count)
  SELECT t.name, t.source, to_timestamp(t.hour * 3600), m.min, m.max, m.sum, m.huge_sum, m.count
  FROM unnest(names, sources, hours) AS t (name, source, hour) CROSS JOIN LATERAL (
    SELECT min(min), max(max), sum(sum), sum(huge_sum) AS huge_sum, sum(count)::bigint AS count
    FROM public.metrics_1m
    WHERE name = t.name AND source = t.source
      AND bucket >= to_timestamp(t.hour * 3600) AND bucket < to_timestamp((t.hour + 1) * 3600)
  ) m
  ON CONFLICT (name, source, bucket) DO UPDATE SET
    min = excluded.min, max = excluded.max, sum = excluded.sum, huge_sum = excluded.huge_sum,
    count = excluded.count;
  RETURN rolled;
END
$$;

COMMENT ON FUNCTION forebay.mean(double precision, double precision, double precision, double precision, bigint) IS 'The mean of count values with these sums, between min and max.';
COMMENT ON FUNCTION forebay.roll_up(bigint) IS 'Computes anew the minutes of the oldest notes, and their hours; returns how many minutes. One at a time: forebay_maintain() sees to it.';
COMMENT ON TABLE public.metrics_1m IS 'Metrics by minute, kept by forebay_maintain(), also those that retention has dropped.';
COMMENT ON COLUMN public.metrics_1m.bucket IS 'When the minute begins.';
COMMENT ON COLUMN public.metrics_1m.sum IS 'Of the values below 1e289 in magnitude: with common values, of all.';
COMMENT ON COLUMN public.metrics_1m.huge_sum IS 'Of the others, in units of 2^64, so that it cannot overflow.';
COMMENT ON COLUMN public.metrics_1m.dropped_count IS 'How many of count retention has dropped from metrics; null where none. dropped_min and the like are theirs.';
COMMENT ON TABLE public.metrics_1h IS 'Metrics by hour: the sum of metrics_1m.';
COMMENT ON COLUMN public.metrics_1h.bucket IS 'When the hour begins.';
COMMENT ON COLUMN public.metrics_1h.sum IS 'Of the values below 1e289 in magnitude: with common values, of all.';
COMMENT ON COLUMN public.metrics_1h.huge_sum IS 'Of the others, in units of 2^64, so that it cannot overflow.';
