-- A project: what groups codes. Everything else names it by uuid; id is this row's own key.
CREATE TABLE projects (
    id             UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    uuid           VARCHAR(255) NOT NULL,
    name           VARCHAR(255) NOT NULL,
    authorizations JSONB        NOT NULL DEFAULT '[]',
    created_at     TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at     TIMESTAMPTZ  NOT NULL DEFAULT now(),
    -- A constraint under the name of the index: uniqueness and look-up share one index.
    CONSTRAINT idx_projects_uuid UNIQUE (uuid),
    -- An array of {email, role} with a role that exists. Counting the good elements, in strict mode,
    -- refuses also what a search for bad ones lets through (a missing key, a list in the list).
    -- CASE, because AND does not promise to look at the type first.
    CONSTRAINT projects_authorizations_check CHECK (
        CASE WHEN jsonb_typeof(authorizations) = 'array' THEN
            jsonb_array_length(authorizations) = jsonb_array_length(jsonb_path_query_array(
                authorizations,
                'strict $[*] ? (@.email.type() == "string" && (@.role == 1 || @.role == 2 || @.role == 3))'
            ))
        ELSE false END
    )
);

CREATE INDEX idx_projects_name ON projects (name);
CREATE INDEX idx_projects_created_at ON projects (created_at);
-- "Which projects may this address see": authorizations @> '[{"email": ...}]'.
CREATE INDEX idx_projects_authorizations ON projects USING GIN (authorizations);
