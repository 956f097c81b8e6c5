-- A log: one line that a run wrote.
--
-- position is the order within the run: lines come in batches, so many have the same created_at.
-- code_id repeats what the run knows, so that a code's logs are read without a join. It has no
-- reference: the one of run_id already removes the line with its run, and every reference costs a look-up
-- per line written.
--
-- From here on a migration must also apply to a database whose first five tables were made elsewhere:
-- it may rely on coderuns.id being the primary key, but not on coderuns having any reference itself,
-- and there may be further columns.
CREATE TABLE codelogs (
    id         UUID        NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    run_id     UUID        NOT NULL REFERENCES coderuns (id) ON DELETE CASCADE,
    code_id    UUID        NOT NULL,
    type       VARCHAR(50) NOT NULL,
    content    TEXT        NOT NULL,
    position   INTEGER     NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT codelogs_type_check CHECK (type IN ('debug', 'info', 'error'))
);

-- A run's lines in order; also what the cascade from coderuns uses.
CREATE INDEX idx_codelogs_run_id_position ON codelogs (run_id, position);
CREATE INDEX idx_codelogs_code_id_created_at ON codelogs (code_id, created_at);
-- For clearing out old lines.
CREATE INDEX idx_codelogs_created_at ON codelogs (created_at);
