{{ config(
    severity='warn',
    meta={
        'owner': 'service_management',
        'reason': 'Without opening hours there are no business hours and no promise counted in them; calendar hours stay right.',
    },
) }}
{#- The calendar of parameter service_calendar, when seed business_hours has no row of it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

business_hours as (

    select * from {{ ref('business_hours') }}

)

select parameters.service_calendar
from parameters
left join business_hours on parameters.service_calendar = business_hours.calendar
where business_hours.calendar is null
