"""Results: frozen numpy values that know neither torch nor a browser."""
