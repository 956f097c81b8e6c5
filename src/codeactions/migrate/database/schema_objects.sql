-- Everything that can be made in a schema, without what an extension owns: dropping that is the extension's own affair.
-- Indexes, triggers and the like are left out, because they go with their table; casts are in no schema.
WITH mine AS (
    SELECT 'pg_class'::regclass AS catalog, c.oid, c.relname AS sorting,
           CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'TABLE' WHEN 'f' THEN 'FOREIGN TABLE'
               WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' END AS kind,
           quote_ident(c.relname) AS name, 1 AS step
    FROM pg_class c
    WHERE c.relnamespace = {schema}::regnamespace AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.proname,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
           format('%I(%s)', p.proname, CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
               ELSE pg_get_function_identity_arguments(p.oid) END), 2
    FROM pg_proc p WHERE p.pronamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typname, CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
           quote_ident(t.typname), 3
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typnamespace = {schema}::regnamespace AND (t.typtype <> 'c' OR c.relkind = 'c')
    UNION ALL
    SELECT 'pg_operator'::regclass, oid, oprname, 'OPERATOR',
           format('%s(%s, %s)', oprname, CASE WHEN oprleft = 0 THEN 'NONE' ELSE format_type(oprleft, NULL) END,
               CASE WHEN oprright = 0 THEN 'NONE' ELSE format_type(oprright, NULL) END), 4
    FROM pg_operator WHERE oprnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_opclass'::regclass, o.oid, o.opcname, 'OPERATOR CLASS', format('%I USING %I', o.opcname, a.amname), 5
    FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod WHERE o.opcnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_opfamily'::regclass, o.oid, o.opfname, 'OPERATOR FAMILY', format('%I USING %I', o.opfname, a.amname), 6
    FROM pg_opfamily o JOIN pg_am a ON a.oid = o.opfmethod WHERE o.opfnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_collation'::regclass, oid, collname, 'COLLATION', quote_ident(collname), 7
    FROM pg_collation WHERE collnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_conversion'::regclass, oid, conname, 'CONVERSION', quote_ident(conname), 8
    FROM pg_conversion WHERE connamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, s.stxname, 'STATISTICS', quote_ident(s.stxname), 9
    FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
    WHERE s.stxnamespace = {schema}::regnamespace AND c.relnamespace <> s.stxnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass, oid, cfgname, 'TEXT SEARCH CONFIGURATION', quote_ident(cfgname), 10
    FROM pg_ts_config WHERE cfgnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, oid, dictname, 'TEXT SEARCH DICTIONARY', quote_ident(dictname), 11
    FROM pg_ts_dict WHERE dictnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_ts_template'::regclass, oid, tmplname, 'TEXT SEARCH TEMPLATE', quote_ident(tmplname), 12
    FROM pg_ts_template WHERE tmplnamespace = {schema}::regnamespace
    UNION ALL
    SELECT 'pg_ts_parser'::regclass, oid, prsname, 'TEXT SEARCH PARSER', quote_ident(prsname), 13
    FROM pg_ts_parser WHERE prsnamespace = {schema}::regnamespace
)
SELECT kind, name FROM mine
WHERE NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = mine.catalog AND d.objid = mine.oid
    -- Objects of an extension, and objects that were made with another one and go with it: the arrays of a type, the
    -- functions of a range type, the sequence of a column. A partitioned table is noted as a part of itself.
    AND (d.refclassid, d.refobjid) <> (d.classid, d.objid)
    AND (d.deptype IN ('e', 'i') OR mine.kind = 'SEQUENCE' AND d.deptype = 'a'))
ORDER BY step, sorting, name
