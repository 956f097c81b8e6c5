-- What a code is for, in words for people and for programs that choose among codes; and whether values of secrets are
-- masked in the recorded results of its runs.
ALTER TABLE codes
    ADD COLUMN description TEXT,
    ADD COLUMN mask_result BOOLEAN NOT NULL DEFAULT true,
    ADD CONSTRAINT codes_description_check CHECK (char_length(description) <= 2000);

-- Endpoints are called by the names of project and code, too.
CREATE INDEX idx_codes_project_name ON codes (project_uuid, name);
