-- Every metric that was accepted, once. Partitioned by day of its time (UTC), so that what is too old can
-- be dropped a day at a time; what belongs to no partition is in forebay.metrics_default, so that no time
-- is refused.
--
-- timestamptz has microseconds, a metric nanoseconds: each *_ns column holds all of it, and the column
-- beside it the same, rounded down.
--
-- Partitions and what else is nobody's business are in the schema forebay: PostgREST does not show it, and
-- Supabase's default privileges, which give anon all rights on whatever is made in public, do not reach it.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

CREATE SCHEMA IF NOT EXISTS forebay;
COMMENT ON SCHEMA forebay IS 'What Forebay needs and nobody else: partitions of metrics, and the log of minutes to roll up.';

-- Nanoseconds since the Unix epoch as timestamptz, rounded down. In two parts, because an interval is
-- multiplied as a double, which does not hold all microseconds.
CREATE FUNCTION forebay.moment(ns bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + (ns / 1000000000) * interval '1 second'
  + floor((ns % 1000000000) / 1000.0::double precision) * interval '1 microsecond';

CREATE TABLE public.metrics (
  journal_id     text COLLATE "C" NOT NULL,
  "offset"       bigint NOT NULL,
  name           text COLLATE "C" NOT NULL,
  value          double precision NOT NULL,
  "time"         timestamptz NOT NULL,
  time_ns        bigint NOT NULL,
  kind           text COLLATE "C" NOT NULL DEFAULT 'gauge',
  unit           text COLLATE "C" NOT NULL DEFAULT '',
  source         text COLLATE "C" NOT NULL DEFAULT '',
  session        text COLLATE "C" NOT NULL DEFAULT '',
  attributes     json NOT NULL DEFAULT '{}',
  accepted_at    timestamptz NOT NULL DEFAULT now(),
  accepted_at_ns bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1000000000)::bigint,
  PRIMARY KEY (journal_id, "offset", "time"),
  CONSTRAINT metrics_journal_id_length CHECK (octet_length(journal_id) BETWEEN 1 AND 255),
  CONSTRAINT metrics_offset_range CHECK ("offset" >= 0),
  CONSTRAINT metrics_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
  CONSTRAINT metrics_value_finite CHECK (value > '-Infinity' AND value < 'Infinity'),
  -- Partitions and roll-ups go by the one, series by the other.
  CONSTRAINT metrics_time_is_time_ns CHECK ("time" = forebay.moment(time_ns)),
  CONSTRAINT metrics_kind_known CHECK (kind IN ('gauge', 'counter', 'timer', 'histogram', 'event')),
  CONSTRAINT metrics_source_length CHECK (octet_length(source) <= 768),
  CONSTRAINT metrics_session_length CHECK (octet_length(session) <= 768)
) PARTITION BY RANGE ("time");

CREATE TABLE forebay.metrics_default PARTITION OF public.metrics DEFAULT;

-- Answers a series from one partition after the other without touching the table. Of the processor time of an
-- insert from staging, 5,000 rows a transaction, it is a fifth: 37 ms with it, 29 without.
CREATE INDEX metrics_by_name_and_time ON public.metrics (name, "time") INCLUDE (time_ns, value, source);

-- A session is met in few places of the table: its Bloom filters are small, cost 1 ms at most, and leave few
-- pages to read. A B-tree on (session, time_ns) costs 5 ms.
CREATE INDEX metrics_by_session ON public.metrics USING brin (session text_bloom_ops) WITH (autosummarize = on);

-- Few pages of the default partition are about old times, and retention looks for those.
CREATE INDEX metrics_default_by_time ON forebay.metrics_default USING brin ("time") WITH (autosummarize = on);

ALTER TABLE public.metrics ENABLE ROW LEVEL SECURITY;
ALTER TABLE forebay.metrics_default ENABLE ROW LEVEL SECURITY;

COMMENT ON FUNCTION forebay.moment(bigint) IS 'Nanoseconds since the Unix epoch as timestamptz, rounded down.';
COMMENT ON TABLE public.metrics IS 'Every metric that was accepted, once: (journal_id, offset) is its identity, and time joins the key because partitions want it.';
COMMENT ON COLUMN public.metrics.journal_id IS 'UUID of the journal that accepted it.';
COMMENT ON COLUMN public.metrics."offset" IS 'Its place in that journal.';
COMMENT ON COLUMN public.metrics.value IS 'Finite.';
COMMENT ON COLUMN public.metrics."time" IS 'When it was measured, or accepted where the client did not say; time_ns rounded down to microseconds.';
COMMENT ON COLUMN public.metrics.time_ns IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN public.metrics.kind IS 'gauge, counter, timer, histogram or event.';
COMMENT ON COLUMN public.metrics.unit IS 'Empty where none was given, as source and session are.';
COMMENT ON COLUMN public.metrics.source IS 'Who measured. At most 768 bytes: name, source and session together are a key.';
COMMENT ON COLUMN public.metrics.session IS 'Which session of the source. At most 768 bytes.';
COMMENT ON COLUMN public.metrics.attributes IS 'A flat object. json and not jsonb: 1.0, 1 and 1e308 come back as they were sent.';
COMMENT ON COLUMN public.metrics.accepted_at IS 'When it was written to the journal; accepted_at_ns rounded down to microseconds.';
COMMENT ON COLUMN public.metrics.accepted_at_ns IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON TABLE forebay.metrics_default IS 'The metrics whose day has no partition: forebay_maintain() moves them when it makes that partition.';
