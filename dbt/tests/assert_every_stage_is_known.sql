{{ config(
    severity='warn',
    meta={
        'owner': 'sales_operations',
        'reason': 'A stage that seed opportunity_stages lacks counts as open unless the source says otherwise; a new stage is no reason to stop.',
    },
) }}
{#- Stages of deals that seed opportunity_stages does not know. -#}

select
    stage_name,
    count(*) as opportunity_count
from {{ ref('fct_opportunities') }}
where stage_order is null
group by stage_name
