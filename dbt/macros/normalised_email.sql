{#- An e-mail address as it is compared: no blanks around it, lower case; empty text is null. -#}
{% macro normalised_email(email) -%}
    nullif(lower(trim({{ email }})), '')
{%- endmacro %}
