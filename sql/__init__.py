"""The tables, one folder a database; inside, migrations named `<UTC timestamp>_<verb>_<object>.sql`."""
