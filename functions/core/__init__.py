"""What every room stands on: configuration, identity, the database, errors, HTTP, logging."""
