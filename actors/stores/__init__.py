"""Where metrics are brought: the `Store` protocol in `base`, one implementation a file."""
