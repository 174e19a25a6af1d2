{#-
    A telephone number as it is compared: +, country, number. '0049 (0)30 / 12-34 ext. 5', '030 1234' in DE and '+49 30 1234' are one.

    National numbers get the prefix of `country` (var default_country_code when null); without a known prefix, or with an
    implausible length, the result is null. Italy keeps the leading zero, North America has none.
-#}
{% macro normalised_phone(phone, country='null') -%}
    {%- set prefixes = {
        'DE': '49', 'AT': '43', 'CH': '41', 'LI': '423', 'LU': '352', 'FR': '33', 'BE': '32', 'NL': '31', 'GB': '44', 'IE': '353', 'IT': '39',
        'ES': '34', 'PT': '351', 'DK': '45', 'SE': '46', 'NO': '47', 'FI': '358', 'PL': '48', 'CZ': '420', 'SK': '421', 'HU': '36', 'SI': '386',
        'HR': '385', 'RO': '40', 'BG': '359', 'GR': '30', 'EE': '372', 'LV': '371', 'LT': '370', 'US': '1', 'CA': '1',
    } -%}
    {%- set known_country = "upper(coalesce(nullif(trim(" ~ country ~ "), ''), '" ~ var('default_country_code') ~ "'))" -%}
    {%- set prefix -%}
        case {{ known_country }} {%- for code, digits in prefixes.items() %} when '{{ code }}' then '{{ digits }}'{% endfor %} end
    {%- endset -%}
    {%- set without_extension = replace_pattern("lower(" ~ phone ~ ")", "(ext|x|durchwahl|app|#).*$", "''") -%}
    {%- set without_trunk_zero = replace_pattern(without_extension, "[(]0[)]", "''") -%}
    {%- set digits = replace_pattern(replace_pattern(without_trunk_zero, "[^0-9+]", "''"), "^00", "'+'") -%}
    {%- set number -%}
        case
            when {{ digits }} like '+%' then '+' || replace({{ digits }}, '+', '')
            when {{ digits }} like '0%' and {{ known_country }} <> 'IT' then '+' || {{ prefix }} || {{ replace_pattern(digits, '^0+', "''") }}
            when {{ digits }} like {{ prefix }} || '%' and length({{ digits }}) >= 11 then '+' || {{ digits }}
            else '+' || {{ prefix }} || {{ digits }}
        end
    {%- endset -%}
    case when length({{ number }}) between 8 and 16 then {{ number }} end
{%- endmacro %}
