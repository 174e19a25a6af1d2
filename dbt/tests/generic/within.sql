{#- Fails with every row whose value lies outside the bounds; a null value lies nowhere. -#}
{% test within(model, column_name, minimum, maximum) %}

select *
from {{ model }}
where {{ column_name }} < {{ minimum }} or {{ column_name }} > {{ maximum }}

{% endtest %}
