-- Flags are each journal's own: two Forebays on one database must not overwrite each other's.
--
-- The table has always been empty, since nothing wrote into it before this: no lock is held for long, and
-- nobody relied on what goes. squawk cannot know that:
-- squawk-ignore-file ban-drop-default, ban-drop-not-null, ban-drop-constraint
-- squawk-ignore-file constraint-missing-not-valid, adding-serial-primary-key-field

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '10min';

ALTER TABLE public.feature_flags ADD COLUMN journal_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE public.feature_flags ALTER COLUMN journal_id DROP DEFAULT;
ALTER TABLE public.feature_flags ALTER COLUMN updated_at DROP NOT NULL;
ALTER TABLE public.feature_flags ALTER COLUMN updated_at DROP DEFAULT;
ALTER TABLE public.feature_flags DROP CONSTRAINT feature_flags_pkey;
ALTER TABLE public.feature_flags ADD PRIMARY KEY (journal_id, name);
ALTER TABLE public.feature_flags DROP CONSTRAINT feature_flags_type_known;
ALTER TABLE public.feature_flags ADD CONSTRAINT feature_flags_type_known
  CHECK (type IN ('boolean', 'string', 'integer', 'number'));

COMMENT ON COLUMN public.feature_flags.journal_id IS 'Of the Forebay whose flags they are.';
COMMENT ON COLUMN public.feature_flags.updated_at IS 'When it was last changed; NULL: never.';
