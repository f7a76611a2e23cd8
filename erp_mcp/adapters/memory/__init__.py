"""The reference adapter: records in memory, with edits and deletions. What it does is what every adapter must do."""
