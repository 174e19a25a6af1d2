{{ config(
    severity='warn',
    meta={
        'owner': 'campaign_management',
        'reason': 'A list whose holdout is not of its size is not measured well, but nobody is contacted wrongly; one of a thousand is so by chance.',
    },
) }}
{#- Scopes that held out so many or so few that chance alone hardly drew them (p < 0.001): their effect is not to be trusted. -#}

select
    scope,
    treated_count,
    holdout_count,
    expected_share,
    observed_share,
    chi2
from {{ ref('kpi_holdout_balance') }}
where dimension = 'total' and not is_balanced
