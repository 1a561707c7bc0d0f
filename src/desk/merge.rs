//! Two reports of one thing: merge, and undo it.
