-- Metrics that a store can never take, mirrored from the dead-letter queue's own journal.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE public.dead_letters (
  journal_id      text COLLATE "C" NOT NULL,
  "offset"        bigint NOT NULL,
  store           text COLLATE "C" NOT NULL,
  name            text COLLATE "C" NOT NULL,
  "time"          timestamptz NOT NULL,
  time_ns         bigint NOT NULL,
  source          text COLLATE "C" NOT NULL DEFAULT '',
  session         text COLLATE "C" NOT NULL DEFAULT '',
  metric          json NOT NULL,
  accepted_at     timestamptz NOT NULL,
  accepted_at_ns  bigint NOT NULL,
  cause           text COLLATE "C" NOT NULL,
  error           text NOT NULL DEFAULT '',
  attempts        bigint NOT NULL DEFAULT 1,
  status          text COLLATE "C" NOT NULL DEFAULT 'pending',
  first_failed_at timestamptz NOT NULL DEFAULT now(),
  last_failed_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (journal_id, "offset", store),
  CONSTRAINT dead_letters_journal_id_length CHECK (octet_length(journal_id) BETWEEN 1 AND 255),
  CONSTRAINT dead_letters_offset_range CHECK ("offset" >= 0),
  CONSTRAINT dead_letters_store_length CHECK (octet_length(store) BETWEEN 1 AND 2048),
  CONSTRAINT dead_letters_cause_length CHECK (octet_length(cause) BETWEEN 1 AND 255),
  CONSTRAINT dead_letters_attempts_range CHECK (attempts >= 0),
  CONSTRAINT dead_letters_status_known CHECK (status IN ('pending', 'redriven', 'discarded', 'expired'))
);

-- The queue is listed by what is still pending, the oldest failure first.
CREATE INDEX dead_letters_by_status_and_failure ON public.dead_letters (status, first_failed_at);

ALTER TABLE public.dead_letters ENABLE ROW LEVEL SECURITY;

COMMENT ON TABLE public.dead_letters IS 'Metrics that a store can never take, mirrored from the dead-letter queue''s own journal.';
COMMENT ON COLUMN public.dead_letters."offset" IS 'Of the metric, in the journal that accepted it.';
COMMENT ON COLUMN public.dead_letters.store IS 'The store that refused it.';
COMMENT ON COLUMN public.dead_letters."time" IS 'When it was measured; time_ns rounded down to microseconds.';
COMMENT ON COLUMN public.dead_letters.time_ns IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN public.dead_letters.metric IS 'All of it. json and not jsonb: NUL and lone surrogates, which no text column takes, are kept as \u escapes. Read it as text: ->> refuses them.';
COMMENT ON COLUMN public.dead_letters.accepted_at IS 'When it was written to the journal; accepted_at_ns rounded down to microseconds.';
COMMENT ON COLUMN public.dead_letters.accepted_at_ns IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN public.dead_letters.cause IS 'Short and stable, to filter by.';
COMMENT ON COLUMN public.dead_letters.error IS 'What the store said last.';
COMMENT ON COLUMN public.dead_letters.status IS 'pending, redriven, discarded or expired.';
