{#- Grain: one row per opportunity and finding about its dates. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}
    where not is_excluded

),

findings as (

    select
        'closed_before_creation' as finding,
        opportunity_key,
        close_date as found_date
    from opportunities
    where has_close_before_creation
    union all
    select
        'closed_without_date' as finding,
        opportunity_key,
        cast(null as date) as found_date
    from opportunities
    where is_closed and close_date is null
    union all
    select
        'closed_in_future' as finding,
        opportunities.opportunity_key,
        opportunities.close_date as found_date
    from opportunities
    cross join parameters
    where opportunities.is_closed and opportunities.close_date > parameters.as_of_date
    union all
    select
        'creation_unknown' as finding,
        opportunity_key,
        cast(null as date) as found_date
    from opportunities
    where created_date is null
    union all
    select
        'expected_close_overdue' as finding,
        opportunities.opportunity_key,
        opportunities.expected_close_date as found_date
    from opportunities
    cross join parameters
    where opportunities.is_open and opportunities.expected_close_date < parameters.as_of_date

),

final as (

    select
        {{ surrogate_key(['findings.finding', 'findings.opportunity_key']) }} as opportunity_date_key,
        findings.finding,
        findings.opportunity_key,
        opportunities.opportunity_id,
        opportunities.source_system,
        opportunities.customer_key,
        opportunities.employee_key,
        opportunities.created_date,
        findings.found_date,
        opportunities.amount
    from findings
    inner join opportunities on findings.opportunity_key = opportunities.opportunity_key

)

select * from final
