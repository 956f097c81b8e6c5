DROP TRIGGER coderuns_protect_states ON coderuns;
DROP FUNCTION coderuns_protect_states();
