"""Every command, query, reply and signal between Forebay's actors."""
