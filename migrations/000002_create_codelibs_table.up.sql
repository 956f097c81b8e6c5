-- A library: a package that codes may import. Only Python has them; the column is there so that
-- another language needs a new CHECK and not a new table.
CREATE TABLE codelibs (
    id         UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    language   VARCHAR(50)  NOT NULL,
    created_at TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ  NOT NULL DEFAULT now(),
    CONSTRAINT codelibs_language_check CHECK (language IN ('python'))
);

CREATE INDEX idx_codelibs_name ON codelibs (name);
CREATE INDEX idx_codelibs_language ON codelibs (language);
-- The next two cover the same columns. Both are part of the schema that other tools know; on a table
-- this small the double costs nothing.
CREATE INDEX idx_codelibs_name_language ON codelibs (name, language);
CREATE UNIQUE INDEX idx_codelibs_unique_name_language ON codelibs (name, language);
