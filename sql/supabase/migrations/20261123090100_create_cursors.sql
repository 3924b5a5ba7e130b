-- How far each store of each journal is. Moves in the transaction that writes the metrics where the store
-- can, right after it where it cannot.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE public.cursors (
  journal_id text COLLATE "C" NOT NULL,
  store      text COLLATE "C" NOT NULL,
  "offset"   bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (journal_id, store),
  CONSTRAINT cursors_journal_id_length CHECK (octet_length(journal_id) BETWEEN 1 AND 255),
  CONSTRAINT cursors_store_length CHECK (octet_length(store) BETWEEN 1 AND 2048),
  CONSTRAINT cursors_offset_range CHECK ("offset" >= 0)
);

ALTER TABLE public.cursors ENABLE ROW LEVEL SECURITY;

COMMENT ON TABLE public.cursors IS 'How far each store of each journal is: it holds every metric before offset that is not a dead letter.';
COMMENT ON COLUMN public.cursors.store IS 'The name of the store, as the journal knows it.';
COMMENT ON COLUMN public.cursors."offset" IS 'The first offset that the store may not have yet.';
