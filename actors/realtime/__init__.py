"""The second transport: the broadcaster's frames on a private channel of Supabase Realtime."""
