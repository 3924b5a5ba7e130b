-- The flags as they are now, mirrored from the journal, where every change is an event.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE public.feature_flags (
  name          text COLLATE "C" NOT NULL PRIMARY KEY,
  type          text COLLATE "C" NOT NULL,
  value         json NOT NULL,
  default_value json NOT NULL,
  rollout       double precision NOT NULL DEFAULT 100,
  description   text NOT NULL DEFAULT '',
  updated_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT feature_flags_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
  CONSTRAINT feature_flags_type_known CHECK (type IN ('boolean', 'string', 'number', 'object')),
  CONSTRAINT feature_flags_rollout_range CHECK (rollout BETWEEN 0 AND 100)
);

ALTER TABLE public.feature_flags ENABLE ROW LEVEL SECURITY;

COMMENT ON TABLE public.feature_flags IS 'The flags as they are now, mirrored from the journal, where every change is an event.';
COMMENT ON COLUMN public.feature_flags.value IS 'For sessions inside the rollout.';
COMMENT ON COLUMN public.feature_flags.default_value IS 'For all other sessions.';
COMMENT ON COLUMN public.feature_flags.rollout IS 'Percent of sessions.';
