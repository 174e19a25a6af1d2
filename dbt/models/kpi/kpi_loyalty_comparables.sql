{#- Grain: one row per month of joining and customer who joined in it, or is compared with those who did. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

loyalty_members as (

    select * from {{ ref('kpi_loyalty_members') }}
    where customer_key <> 'unknown'

),

candidates as (

    select * from {{ ref('kpi_loyalty_candidates') }}

),

-- Somebody with two cards joined with the first and has left with the last.
members as (

    select
        customer_key,
        cast(date_trunc('month', min(joined_date)) as date) as joined_month,
        case when not bool_or(is_member) then cast(date_trunc('month', max(left_date)) as date) end as left_month
    from loyalty_members
    group by customer_key

),

joined as (

    select
        candidates.stratum_key,
        candidates.customer_key,
        candidates.customer_segment,
        candidates.month as index_month,
        members.left_month as until_month
    from candidates
    inner join members on candidates.customer_key = members.customer_key and candidates.month = members.joined_month

),

strata as (

    select
        stratum_key,
        index_month,
        count(*) as member_count
    from joined
    group by stratum_key, index_month

),

-- Alike and no member yet; chance is the hash of customer and month, the same every night.
comparables as (

    select
        strata.stratum_key,
        candidates.customer_key,
        candidates.customer_segment,
        candidates.month as index_month,
        members.joined_month as until_month,
        strata.member_count
    from candidates
    inner join strata on candidates.stratum_key = strata.stratum_key
    cross join parameters
    left join members on candidates.customer_key = members.customer_key
    where members.joined_month is null or members.joined_month > candidates.month
    qualify
        row_number() over (
            partition by strata.stratum_key
            order by {{ surrogate_key(['candidates.month', 'candidates.customer_key']) }}
        ) <= parameters.loyalty_comparables_per_member * strata.member_count

),

final as (

    select
        {{ surrogate_key(['index_month', 'customer_key']) }} as comparison_key,
        stratum_key,
        customer_key,
        customer_segment,
        index_month,
        until_month,
        true as is_member
    from joined
    union all
    select
        {{ surrogate_key(['index_month', 'customer_key']) }} as comparison_key,
        stratum_key,
        customer_key,
        customer_segment,
        index_month,
        until_month,
        false as is_member
    from comparables

)

select * from final
