"""Runs the intake's migrations on the connection that is handed over."""

from services.runtime.database import run_migrations

run_migrations()
