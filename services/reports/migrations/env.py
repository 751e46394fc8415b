"""Runs the migrations of reports on the connection that is handed over."""

from services.runtime.database import run_migrations

run_migrations()
