{#- Records that share a used value but not a component: raise var identity_rounds. -#}

with match_values as (

    select * from {{ ref('int_match_values__collected') }}
    where is_used

),

identified as (

    select * from {{ ref('int_customers__identified') }}

)

select
    match_values.match_key,
    count(distinct identified.component_label) as component_count
from match_values
inner join identified on match_values.account_key = identified.account_key
group by match_values.match_key
having count(distinct identified.component_label) > 1
