"""What the rooms share: settings, logs, the broker, the ledger and the supervisor. Knows no trade."""
