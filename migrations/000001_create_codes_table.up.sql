-- A code: one stored code action. The id's default serves rows that are made by hand; the server
-- brings its own.
--
-- project_uuid is text and refers to nothing: projects may be administered elsewhere, and a code can
-- exist before its project does.
CREATE TABLE codes (
    id           UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name         VARCHAR(255) NOT NULL,
    type         VARCHAR(50)  NOT NULL,
    source       TEXT         NOT NULL,
    language     VARCHAR(50)  NOT NULL,
    -- Only an endpoint can have one.
    url          VARCHAR(512),
    project_uuid VARCHAR(255) NOT NULL,
    -- Seconds. The upper bound keeps one code from holding a slot of the node for good.
    timeout      INTEGER      NOT NULL DEFAULT 60,
    created_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    CONSTRAINT codes_type_check CHECK (type IN ('flow', 'endpoint')),
    CONSTRAINT codes_language_check CHECK (language IN ('python', 'go', 'javascript')),
    CONSTRAINT codes_timeout_check CHECK (timeout BETWEEN 5 AND 300)
);

CREATE INDEX idx_codes_project_uuid ON codes (project_uuid);
CREATE INDEX idx_codes_type ON codes (type);
-- The list of a project's codes, narrowed to one type.
CREATE INDEX idx_codes_project_type ON codes (project_uuid, type);
CREATE INDEX idx_codes_created_at ON codes (created_at);
