"""The contract between the rooms of the hub: messages, names and the rules that every room shares."""
