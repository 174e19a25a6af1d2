-- What is allowed tonight is said twice, by its history and by its last word: both must say the same.
with states as (

    select * from {{ ref('fct_consent_states') }}
    where until_date is null and opt_in_state <> 'pending'

),

consents as (

    select * from {{ ref('dim_consents') }}

)

select
    coalesce(states.customer_key, consents.customer_key) as customer_key,
    states.opt_in_state as state_of_history,
    consents.opt_in_state as state_today
from states
full outer join consents
    on
        states.customer_key = consents.customer_key
        and states.purpose = consents.purpose
        and states.channel = consents.channel
where states.opt_in_state is null or consents.opt_in_state is null or states.opt_in_state <> consents.opt_in_state
