-- What was told later than it came true: found without walking the journal when a past moment is asked for.
CREATE INDEX journal_told_late ON journal (valid_at, seq) WHERE valid_at < recorded_at;
