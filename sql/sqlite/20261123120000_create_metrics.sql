-- Comments stand inside the parentheses, because SQLite keeps what is there: `.schema` shows them.
-- Times are integer nanoseconds since the Unix epoch, UTC.

CREATE TABLE metrics (
  -- Every metric that was accepted, once. (journal_id, "offset") is its identity.
  journal_id  TEXT    NOT NULL, -- UUID of the journal that accepted it
  "offset"    INTEGER NOT NULL, -- its place there
  name        TEXT    NOT NULL,
  value       REAL    NOT NULL, -- finite; negative zero is kept as zero
  time        INTEGER NOT NULL, -- when it was measured, or accepted where the client did not say
  kind        TEXT    NOT NULL, -- gauge, counter, timer, histogram or event
  unit        TEXT    NOT NULL, -- '' where none was given, as for source and session
  source      TEXT    NOT NULL, -- who measured
  session     TEXT    NOT NULL, -- which session of it
  attributes  TEXT    NOT NULL, -- flat JSON object
  accepted_at INTEGER NOT NULL, -- when it was written to the journal
  PRIMARY KEY (journal_id, "offset")
) STRICT;

-- Answers a series without touching the table. Against (name, time) alone it costs 21
-- bytes a metric and no measurable share of the drain rate.
CREATE INDEX metrics_by_name_and_time ON metrics (name, time, value, source);

CREATE TABLE streams (
  -- What there is to look at: one row for each name, source and session seen, kept with every batch,
  -- so that listing names and sessions does not read all metrics.
  name        TEXT    NOT NULL,
  source      TEXT    NOT NULL,
  session     TEXT    NOT NULL,
  kind        TEXT    NOT NULL, -- of the latest metric
  unit        TEXT    NOT NULL, -- of the latest metric
  first_time  INTEGER NOT NULL,
  last_time   INTEGER NOT NULL,
  count       INTEGER NOT NULL,
  PRIMARY KEY (name, source, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (
  -- How far each store of each journal is: it holds every metric before "offset" that is not a dead
  -- letter. Moves in the transaction that writes the metrics.
  journal_id  TEXT    NOT NULL,
  store       TEXT    NOT NULL,
  "offset"    INTEGER NOT NULL,
  PRIMARY KEY (journal_id, store)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
  -- Metrics that a store can never take, mirrored from the dead-letter queue's own journal.
  journal_id      TEXT    NOT NULL,
  "offset"        INTEGER NOT NULL, -- of the metric, in the journal that accepted it
  store           TEXT    NOT NULL, -- the store that refused it
  name            TEXT    NOT NULL,
  time            INTEGER NOT NULL,
  source          TEXT    NOT NULL,
  session         TEXT    NOT NULL,
  metric          TEXT    NOT NULL, -- all of it, as JSON
  accepted_at     INTEGER NOT NULL,
  cause           TEXT    NOT NULL, -- short and stable, to filter by
  error           TEXT    NOT NULL, -- what the store said last
  attempts        INTEGER NOT NULL CHECK (attempts >= 0),
  status          TEXT    NOT NULL CHECK (status IN ('pending', 'redriven', 'discarded', 'expired')),
  first_failed_at INTEGER NOT NULL,
  last_failed_at  INTEGER NOT NULL,
  PRIMARY KEY (journal_id, "offset", store)
) STRICT, WITHOUT ROWID;

CREATE TABLE feature_flags (
  -- The flags as they are now, mirrored from the journal, where every change is an event.
  name          TEXT    NOT NULL PRIMARY KEY,
  type          TEXT    NOT NULL CHECK (type IN ('boolean', 'string', 'number', 'object')),
  value         TEXT    NOT NULL CHECK (json_valid(value)),         -- for sessions inside the rollout
  default_value TEXT    NOT NULL CHECK (json_valid(default_value)), -- for all others
  rollout       REAL    NOT NULL CHECK (rollout BETWEEN 0 AND 100), -- percent of sessions
  description   TEXT    NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
