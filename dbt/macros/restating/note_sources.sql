{#-
    Before a run: remembers the version of everything that dbt reads but did not make.

    `restated.versions` says of every relation which content it holds (an order-free hash), which it held before, and whether
    `restated.<schema>__<table>` lists the rows between the two. A feed's version is that of its ledger: raw rows are
    never read for it. What cannot be traced has no version, and whatever reads it is built anew (ADR 16).
-#}
{% macro note_sources() -%}
    {%- if execute and flags.WHICH in ['build', 'run', 'test', 'seed', 'run-operation'] and remembers_versions() %}
        create schema if not exists restated;
        create sequence if not exists restated.serial;
        create table if not exists restated.versions (
            relation varchar not null,
            version varchar not null,
            previous_version varchar,
            has_changes boolean not null,
            action varchar,
            definition varchar,
            inputs varchar,
            serial bigint not null default nextval('restated.serial')
        );
        create or replace view restated.latest as
        select * from restated.versions
        qualify row_number() over (partition by relation order by serial desc) = 1;
        delete from restated.versions where serial not in (select serial from restated.latest);
        create table if not exists restated.raw_batches (relation varchar, batch_id varchar, content varchar, is_new boolean);
        {{ note_feeds() }}
        {{ note_contents() }}
    {%- endif %}
{%- endmacro %}

{#- The feeds: version of their ledger and columns; `is_new` marks the batches that came with the last change of version. -#}
{% macro note_feeds() -%}
    {%- set ledger = run_query(
        "select 1 from duckdb_tables() where schema_name = 'journal' and table_name = 'batches'"
    ) %}
    {%- if ledger | length %}
        create or replace temp table ledger_now as
        select
            'raw.' || feed as relation,
            batch_id,
            md5(concat_ws('|', content_sha256, fingerprint, mode, batch_date, loaded_rows)) as content
        from journal.batches
        where status = 'loaded';
        create or replace temp table feeds_now as
        select
            'raw.' || feeds.table_name as relation,
            count(ledger_now.batch_id) || ':' || coalesce(sum(hash(ledger_now.batch_id, ledger_now.content)), 0)
            || ':' || any_value(feeds.columns) as version
        from (
            select table_name, md5(string_agg(column_name || data_type, ',' order by column_index)) as columns
            from duckdb_columns()
            where schema_name = 'raw' and database_name = current_database() and not internal
            group by table_name
        ) as feeds
        left join ledger_now on ledger_now.relation = 'raw.' || feeds.table_name
        where feeds.table_name <> 'runs'
        group by feeds.table_name;
        create or replace temp table feeds_moved as
        select
            feeds_now.relation,
            feeds_now.version,
            latest.version as previous_version,
            latest.version is not null
            and split_part(latest.version, ':', 3) = split_part(feeds_now.version, ':', 3)
            and feeds_now.relation not in (
                select relation from (select relation, batch_id, content from restated.raw_batches except from ledger_now)
            ) as has_changes
        from feeds_now
        left join restated.latest as latest on feeds_now.relation = latest.relation
        where feeds_now.version is distinct from latest.version;
        insert into restated.versions (relation, version, previous_version, has_changes) from feeds_moved;
        create or replace temp table batches_moved as
        select ledger_now.*, raw_batches.batch_id is null as is_new
        from ledger_now
        semi join feeds_moved on ledger_now.relation = feeds_moved.relation
        left join restated.raw_batches as raw_batches
            on ledger_now.relation = raw_batches.relation and ledger_now.batch_id = raw_batches.batch_id;
        delete from restated.raw_batches where relation in (select relation from feeds_moved);
        insert into restated.raw_batches from batches_moved;
    {%- endif %}
{%- endmacro %}

{#- The other sources, all small: the run, journals, what was fitted; their version is a hash over their rows. -#}
{% macro note_contents() -%}
    {%- set found = run_query(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = current_database() and not internal"
    ).columns[0].values() %}
    {%- set names = [] %}
    {%- for source in graph.sources.values() %}
        {%- set name = source.schema ~ '.' ~ source.identifier %}
        {%- if name in found and (source.schema != 'raw' or source.identifier == 'runs') %}
            {%- do names.append(name) %}
        {%- endif %}
    {%- endfor %}
    {%- if names %}
        insert into restated.versions (relation, version, previous_version, has_changes)
        with contents as (
            {%- for name in names | unique %}
            select '{{ name }}' as relation, count(*) || ':' || coalesce(sum(hash(_row)), 0) as version from {{ name }} as _row
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        )

        select contents.relation, contents.version, latest.version, false
        from contents
        left join restated.latest as latest on contents.relation = latest.relation
        where contents.version is distinct from latest.version;
    {%- endif %}
{%- endmacro %}

{#- The same from outside a run, to see whether there is anything to do: `dbt run-operation look_at_sources`. -#}
{% macro look_at_sources() -%}
    {%- do run_query(note_sources()) %}
{%- endmacro %}
