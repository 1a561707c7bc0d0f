-- An account of a provider (OpenID Connect) has no password of ours: whoever the provider shuts out stays out.
-- Its `external_id` is the provider's address, a space, and the subject that the provider knows it by.
CREATE TRIGGER external_account_added BEFORE INSERT ON accounts
  WHEN NEW.external_id IS NOT NULL AND NEW.password IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'an account of a provider has no password of ours'); END;
CREATE TRIGGER external_account_changed BEFORE UPDATE OF password, must_change, external_id ON accounts
  WHEN NEW.external_id IS NOT NULL AND (NEW.password IS NOT NULL OR NEW.must_change <> 0)
  BEGIN SELECT RAISE(ABORT, 'an account of a provider has no password of ours'); END;
