-- A run: one execution of a code, with what went in and what came out.
--
-- The reference takes a deleted code's history along: nobody could read it any more, since who may
-- see a run is decided by its code's project.
--
-- result and body are NULL where there is none, which is not the same as an empty text.
-- extra holds everything finer than the four states (status_code, error, duration_ms, ...).
CREATE TABLE coderuns (
    id         UUID        NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    code_id    UUID        NOT NULL REFERENCES codes (id) ON DELETE CASCADE,
    status     VARCHAR(50) NOT NULL DEFAULT 'queued',
    result     TEXT,
    extra      JSONB       NOT NULL DEFAULT '{}',
    params     JSONB       NOT NULL DEFAULT '{}',
    body       TEXT,
    headers    JSONB       NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT coderuns_status_check CHECK (status IN ('queued', 'started', 'completed', 'failed'))
);

-- Also what the cascade from codes uses.
CREATE INDEX idx_coderuns_code_id ON coderuns (code_id);
CREATE INDEX idx_coderuns_status ON coderuns (status);
CREATE INDEX idx_coderuns_created_at ON coderuns (created_at);
-- A code's history, page by page in order of time.
CREATE INDEX idx_coderuns_code_id_created_at ON coderuns (code_id, created_at);
-- Search by content (@>, ?). The default operator class, since which keys exist is asked for too.
CREATE INDEX idx_coderuns_extra ON coderuns USING GIN (extra);
CREATE INDEX idx_coderuns_params ON coderuns USING GIN (params);
