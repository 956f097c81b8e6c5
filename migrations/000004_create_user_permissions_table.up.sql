-- A permission: the one role that a user has in a project (Viewer 1, Contributor 2, Moderator 3).
-- Roles are numbers because they are ordered: each may do all that the lower ones may.
CREATE TABLE user_permissions (
    id           UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    project_uuid VARCHAR(255) NOT NULL,
    email        VARCHAR(255) NOT NULL,
    role         INTEGER      NOT NULL,
    created_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    CONSTRAINT user_permissions_role_check CHECK (role BETWEEN 1 AND 3)
);

CREATE INDEX idx_user_permissions_project_uuid ON user_permissions (project_uuid);
CREATE INDEX idx_user_permissions_email ON user_permissions (email);
-- The next two cover the same columns. Both are part of the schema that other tools know.
CREATE INDEX idx_user_permissions_project_email ON user_permissions (project_uuid, email);
-- One permission per user and project: with two, which of them counts would be chance.
CREATE UNIQUE INDEX idx_user_permissions_unique_project_email ON user_permissions (project_uuid, email);
