-- Flags are each journal's own. The table has always been empty: nothing wrote into it before this.

DROP TABLE feature_flags;

CREATE TABLE feature_flags (
  -- The flags as they are now, mirrored from the journal, where every change is an event.
  name          TEXT    NOT NULL,
  type          TEXT    NOT NULL CHECK (type IN ('boolean', 'string', 'integer', 'number')),
  value         TEXT    NOT NULL CHECK (json_valid(value)),         -- for sessions inside the rollout
  default_value TEXT    NOT NULL CHECK (json_valid(default_value)), -- for all others
  rollout       REAL    NOT NULL CHECK (rollout BETWEEN 0 AND 100), -- percent of sessions
  description   TEXT    NOT NULL,
  updated_at    INTEGER,                                            -- NULL: never changed
  journal_id    TEXT    NOT NULL,
  PRIMARY KEY (journal_id, name)
) STRICT, WITHOUT ROWID;
