-- What there is to look at: one row for each name, source and session seen, so that listing names and
-- sessions does not read all metrics; and the log of minutes whose roll-up is out of date.
--
-- Both are kept by one trigger on what an INSERT really inserted: a metric that was there already
-- (ON CONFLICT DO NOTHING) is not counted again. Rows are locked in the order of the key, so that two
-- Forebays on one database wait for each other and never deadlock.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE public.streams (
  name          text COLLATE "C" NOT NULL,
  source        text COLLATE "C" NOT NULL,
  session       text COLLATE "C" NOT NULL,
  kind          text COLLATE "C" NOT NULL,
  unit          text COLLATE "C" NOT NULL,
  first_time_ns bigint NOT NULL,
  last_time_ns  bigint NOT NULL,
  count         bigint NOT NULL,
  PRIMARY KEY (name, source, session)
)
-- Every batch updates its streams: room on the page keeps those updates out of the index.
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

ALTER TABLE public.streams ENABLE ROW LEVEL SECURITY;

-- A log and not a set: it has no key, so that writers neither wait for each other nor miss that the minute
-- they add to is being rolled up right now. Whoever rolls up removes only what it can see, and so sees the
-- metrics too that came with it.
CREATE TABLE forebay.dirty_minutes (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name   text COLLATE "C" NOT NULL,
  minute bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX dirty_minutes_by_name_and_minute ON forebay.dirty_minutes (name, minute);

ALTER TABLE forebay.dirty_minutes ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION forebay.note_metrics() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  WITH noted AS MATERIALIZED (
    SELECT name, source, session, kind, unit,
      time_ns / 60000000000 - (time_ns % 60000000000 < 0)::int AS minute,
      min(time_ns) AS first_time_ns, max(time_ns) AS last_time_ns, max("offset") AS last_offset,
      count(*) AS count
    FROM inserted
    GROUP BY 1, 2, 3, 4, 5, 6
  ), dirty AS (
    INSERT INTO forebay.dirty_minutes (name, minute) SELECT DISTINCT name, minute FROM noted
  )
  INSERT INTO public.streams AS had
    (name, source, session, kind, unit, first_time_ns, last_time_ns, count)
  SELECT DISTINCT ON (name, source, session) name, source, session, kind, unit,
    min(first_time_ns) OVER stream, max(last_time_ns) OVER stream, sum(count) OVER stream
  FROM noted
  WINDOW stream AS (PARTITION BY name, source, session)
  ORDER BY name, source, session, last_time_ns DESC, last_offset DESC
  ON CONFLICT (name, source, session) DO UPDATE SET
    kind = CASE WHEN excluded.last_time_ns >= had.last_time_ns THEN excluded.kind ELSE had.kind END,
    unit = CASE WHEN excluded.last_time_ns >= had.last_time_ns THEN excluded.unit ELSE had.unit END,
    first_time_ns = least(had.first_time_ns, excluded.first_time_ns),
    last_time_ns = greatest(had.last_time_ns, excluded.last_time_ns),
    count = had.count + excluded.count;
  RETURN NULL;
END
$$;

CREATE TRIGGER metrics_noted AFTER INSERT ON public.metrics
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_metrics();

COMMENT ON TABLE public.streams IS 'What there is to look at: each name, source and session, kept with every insert into metrics.';
COMMENT ON COLUMN public.streams.kind IS 'Of the latest metric by time, as unit is.';
COMMENT ON COLUMN public.streams.first_time_ns IS 'Nanoseconds since the Unix epoch, UTC, as last_time_ns is.';
COMMENT ON COLUMN public.streams.count IS 'Metrics since the beginning, those that retention has dropped included.';
COMMENT ON TABLE forebay.dirty_minutes IS 'A log of minutes that metrics were added to since they were last rolled up.';
COMMENT ON COLUMN forebay.dirty_minutes.minute IS 'Minutes since the Unix epoch, rounded down: negative before it.';
COMMENT ON FUNCTION forebay.note_metrics() IS 'Counts what was inserted into streams, and notes its minutes as dirty.';
