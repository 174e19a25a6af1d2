{#- Grain: one row per account of a source system. -#}
{%- set rounds = var('identity_rounds') | int %}

with accounts as (

    select * from {{ ref('stg_accounts') }}

),

match_values as (

    select * from {{ ref('int_match_values__collected') }}
    where is_used

),

identity_pairs as (

    select * from {{ ref('identity_pairs') }}

),

-- The label sorts by age: the earliest record of a customer lends its key, so a key changes only when an older record joins.
labelled as (

    select
        account_key,
        cast(first_batch_date as string) || '|' || source_system || '|' || account_id as own_label
    from accounts

),

round_0 as (

    select
        match_values.match_key,
        match_values.account_key,
        labelled.own_label as earliest_label
    from match_values
    inner join labelled on match_values.account_key = labelled.account_key

),

-- Each round hands the earliest label one record further along shared values; a data test says when the rounds were too few.
{% for round in range(1, rounds + 1) -%}
values_{{ round }} as (

    select
        match_key,
        min(earliest_label) as earliest_label
    from round_{{ round - 1 }}
    group by match_key

),

accounts_{{ round }} as (

    select
        match_values.account_key,
        min(values_{{ round }}.earliest_label) as earliest_label
    from match_values
    inner join values_{{ round }} on match_values.match_key = values_{{ round }}.match_key
    group by match_values.account_key

),

round_{{ round }} as (

    select
        match_values.match_key,
        match_values.account_key,
        accounts_{{ round }}.earliest_label
    from match_values
    inner join accounts_{{ round }} on match_values.account_key = accounts_{{ round }}.account_key

),

{% endfor -%}
components as (

    select
        labelled.account_key,
        labelled.own_label,
        coalesce(accounts_{{ rounds }}.earliest_label, labelled.own_label) as component_label
    from labelled
    left join accounts_{{ rounds }} on labelled.account_key = accounts_{{ rounds }}.account_key

),

-- Told apart by hand, but tied together by way of third records: the younger one stands alone (never the earliest, whose
-- key the customer has).
separated as (

    select greatest(components_a.own_label, components_b.own_label) as own_label
    from identity_pairs
    inner join components as components_a
        on {{ surrogate_key(['identity_pairs.source_system_a', 'identity_pairs.account_id_a']) }} = components_a.account_key
    inner join components as components_b
        on {{ surrogate_key(['identity_pairs.source_system_b', 'identity_pairs.account_id_b']) }} = components_b.account_key
    where
        identity_pairs.verdict = 'never'
        and components_a.component_label = components_b.component_label
    group by all

),

decided as (

    select
        components.account_key,
        components.component_label,
        case when separated.own_label is null then components.component_label else components.own_label end as customer_label
    from components
    left join separated on components.own_label = separated.own_label

),

final as (

    select
        decided.account_key,
        decided.component_label,
        leaders.account_key as customer_key
    from decided
    inner join components as leaders on decided.customer_label = leaders.own_label

)

select * from final
