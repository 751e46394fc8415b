"""What lies ready to be printed, for the hour when no screen works: HOME/paper, one folder for each watch."""
